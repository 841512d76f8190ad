#!/usr/bin/env bash
# sdist; a wheel built from the unpacked sdist; its libraries bundled; its import in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
work=$PWD/build/wheel
rm -rf dist "$work"
mkdir -p "$work"

"$python" -m build --sdist --no-isolation --outdir dist . >"$work/sdist.log" || { cat "$work/sdist.log"; exit 1; }
tar -xzf dist/typetally-*.tar.gz -C "$work"
"$python" -m build --wheel --no-isolation --outdir "$work/linked" "$work"/typetally-*/ >"$work/wheel.log" ||
  { tail -n 60 "$work/wheel.log"; exit 1; }
"$python" -m auditwheel repair --wheel-dir dist "$work"/linked/*.whl

"$python" -m venv "$work/environment"
"$work/environment/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
cd "$work"
env -u PYTHONPATH -u LD_LIBRARY_PATH environment/bin/python ../../tools/check_wheel.py
env -u PYTHONPATH -u LD_LIBRARY_PATH environment/bin/typetally --help >/dev/null
