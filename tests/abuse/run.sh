#!/bin/sh
# Bad input, bad luck and bad manners against the real binary: run.sh [CASE...]; run.sh --list names them. Some minutes in all.
# Needs `make models` (SUMERU_TEST_DATA if they are elsewhere); root for the full disk (a small tmpfs), skipped otherwise.
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/abuse/run.py "$@"
