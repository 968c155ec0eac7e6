#!/bin/sh
# Our engine beside llama.cpp. Needs `make models` and the network the first time; a quiet machine to count.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/parity-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import xllamacpp' 2>/dev/null || "$venv/bin/pip" install -q --disable-pip-version-check xllamacpp
exec "$venv/bin/python" bench/engine/run.py
