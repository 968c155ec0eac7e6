#!/bin/sh
# Every benchmark, one after the other. A figure counts only on a quiet machine; raw runs go to bench/runs/.
set -eu
cd "$(dirname "$0")/.."
for bench in start retrieval ingest; do
    scripts/step "bench: $bench"
    if [ -x "bench/$bench/run.sh" ]; then "bench/$bench/run.sh"; else python3 "bench/$bench/run.py"; fi
done
