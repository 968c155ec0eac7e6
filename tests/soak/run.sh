#!/bin/sh
# Very many requests against the real binary and a tiny model: run.sh [soak|crowd] [OPTION...], both without a word; run.sh soak --help.
#   soak   200,000 requests of all kinds: none is lost, answers are those given alone, memory stays flat (--requests N, --record); some minutes
#   crowd  1,000 at once, half of which leave: the others are answered as if alone, nothing is left behind (--model NAME, --slots N); seconds
# Needs `make build`; SUMERU_BIN names another binary. Standard library only (Python 3.11).
set -eu
cd "$(dirname "$0")/../.."
case "${1-}" in
    soak | crowd)
        what=$1
        shift
        exec python3 "tests/soak/$what.py" "$@"
        ;;
    "")
        python3 tests/soak/crowd.py
        exec python3 tests/soak/soak.py
        ;;
    *)
        sed -n '2,5s/^# \{0,1\}//p' tests/soak/run.sh >&2
        [ "$1" = --help ] || exit 2
        ;;
esac
