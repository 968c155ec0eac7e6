#!/bin/sh
# Our engine beside llama.cpp, sentence-transformers and onnxruntime. Needs `make models` and the network the first time; a quiet machine to
# count. run.sh [llama.cpp|embeddings]... takes a part.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- llama.cpp embeddings
for part in "$@"; do
    case "$part" in
    llama.cpp)
        venv=.cache/parity-venv
        [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
        "$venv/bin/python" -c 'import xllamacpp' 2>/dev/null || "$venv/bin/pip" install -q --disable-pip-version-check xllamacpp
        "$venv/bin/python" bench/engine/run.py
        ;;
    embeddings)
        # Shared with the parity of architectures: torch is large.
        venv=.cache/parity/reference-venv
        [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
        "$venv/bin/python" -c 'import sentence_transformers, onnxruntime, onnx, gguf' 2>/dev/null ||
            "$venv/bin/pip" install -q --disable-pip-version-check torch transformers gguf sentence-transformers onnx onnxruntime
        "$venv/bin/python" bench/engine/embeddings.py
        ;;
    *)
        echo "there is no part '$part': llama.cpp or embeddings" >&2
        exit 2
        ;;
    esac
done
