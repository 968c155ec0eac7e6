#!/bin/sh
# Each architecture beside its Python reference: architectures.sh [NAME...]. Needs the network the first time, and about 8 GB: torch comes
# from the package index with everything it may ever need.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/parity/reference-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import torch, transformers, rwkv, gguf, sentencepiece, typeseg' 2>/dev/null ||
    "$venv/bin/pip" install -q --disable-pip-version-check torch transformers rwkv gguf sentencepiece typeseg==0.2.7
if ! [ -d .cache/parity/llama.cpp ]; then
    # Its converter is in the sources of a package of it. Not by pip, which would build them.
    "$venv/bin/python" bench/parity/sources.py llama-cpp-python 0.3.36 .cache/parity/sources
    mv .cache/parity/sources/vendor/llama.cpp .cache/parity/llama.cpp
    rm -rf .cache/parity/sources
fi
exec "$venv/bin/python" bench/parity/architectures.py "$@"
