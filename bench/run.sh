#!/bin/sh
# Every benchmark, or those named, one after the other: run.sh [start|engine|retrieval|ingest|choose]... A figure counts only on a quiet machine; raw runs go to bench/runs/.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- start engine retrieval ingest choose
for bench in "$@"; do
    scripts/step "bench: $bench"
    if [ -x "bench/$bench/run.sh" ]; then "bench/$bench/run.sh"; else python3 "bench/$bench/run.py"; fi
done
