#!/usr/bin/env bash
# extra_install.sh NAME: puts the package, as built for the tests of tests/extra, into .venv-NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
pip() { ".venv-$1/bin/python" -m pip --disable-pip-version-check install --quiet "${@:2}"; }

pip "$1" --no-deps --force-reinstall build/extra/typetally-*.whl
pip "$1" -c "tests/extra/$1/constraints.txt" build/extra/typetally-*.whl
