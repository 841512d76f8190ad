#!/usr/bin/env bash
# Installs the dev build into a tree of its own and builds tests/install against it, as a user's project would.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=$PWD/build/install
rm -rf "$prefix" build/install-test
cmake --install build/dev --prefix "$prefix" >/dev/null
cmake -S tests/install -B build/install-test -G Ninja --log-level=WARNING "-DCMAKE_PREFIX_PATH=$prefix" >/dev/null
cmake --build build/install-test
ctest --test-dir build/install-test --output-on-failure
echo "install: find_package(typetally) works from a separate project"
