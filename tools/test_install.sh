#!/usr/bin/env bash
# Installs the dev build into a tree of its own and builds tests/install against it, as a user's project would; then
# has such a project take in the sources, of which it is enough to see that CMake can.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=$PWD/build/install
rm -rf "$prefix" build/install-test build/fetch-test
cmake --install build/dev --prefix "$prefix" >/dev/null
cmake -S tests/install -B build/install-test -G Ninja --log-level=WARNING "-DCMAKE_PREFIX_PATH=$prefix" >/dev/null
cmake --build build/install-test
ctest --test-dir build/install-test --output-on-failure
cmake -S tests/install -B build/fetch-test -G Ninja --log-level=WARNING "-DTYPETALLY_SOURCE=$PWD" >/dev/null
echo "install: find_package(typetally) works from a separate project, FetchContent finds the same target"
