#!/usr/bin/env bash
# extra_env.sh NAME: makes .venv-NAME from tests/extra/NAME/constraints.txt, for what cannot live in .venv beside the
# rest. pip's index, proxy and cache are the user's own configuration.
set -euo pipefail
cd "$(dirname "$0")/.."
constraints=tests/extra/$1/constraints.txt
environment=.venv-$1
pip() { "$environment/bin/python" -m pip --disable-pip-version-check "$@"; }

rm -rf "$environment"
.venv/bin/python -m venv "$environment"
"$environment/bin/python" tools/download_size.py "$constraints"
# torch comes first and alone, as in .venv: the build that stays is the one that the user's pip configuration prefers.
pip install "$(grep -h '^torch==' "$constraints" constraints.txt | head -n 1)"
pip install --quiet -r "$constraints"
