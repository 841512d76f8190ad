#!/usr/bin/env bash
# Sets up what building and testing need: system packages by apt, then .venv from constraints.txt. What is there
# already is left alone. PYTHON names the interpreter; pip's index, proxy and cache are the user's own configuration.
set -euo pipefail
cd "$(dirname "$0")/.."

libraries=(libgtest-dev libbenchmark-dev libhwy-dev libsimdjson-dev libtbb-dev librapidcheck-dev)
fuzzing=(clang-19 libclang-rt-19-dev)

. tools/apt.sh

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
}

# The distribution's interpreter comes without venv and headers; any other brings its own.
python_packages() {
  local python=$1 version
  if [ -z "$python" ]; then
    for version in 3 3.13 3.12 3.11; do
      case $(apt-cache policy "python$version" 2>/dev/null | sed -n 's/ *Candidate: //p') in
        3.1[1-9]* | 3.[2-9][0-9]*) echo "python$version python$version-venv python$version-dev"; return ;;
      esac
    done
    return
  fi
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "python$version-venv"
  "$python" -c 'import os, sysconfig
raise SystemExit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' || echo "python$version-dev"
}

system_packages() {
  local missing=() optional=() chosen=() unknown=() package root
  for package in g++ make "${libraries[@]}" $(python_packages "$(find_python)"); do
    installed "$package" || missing+=("$package")
  done
  for package in "${fuzzing[@]}"; do installed "$package" || optional+=("$package"); done
  [ $((${#missing[@]} + ${#optional[@]})) -gt 0 ] || { say "system packages are installed"; return; }

  root=$(become_root)
  if [ -z "$root" ] && [ ${#missing[@]} -gt 0 ]; then
    say "these packages are missing, and installing them needs root. Run this line as root, then start again:" >&2
    fail "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  elif [ -z "$root" ]; then
    say "without root the fuzz preset is not available: ${optional[*]} are missing"
    return
  fi
  $root apt-get update -qq || say "apt-get update failed; going on with the lists that are there"
  for package in "${missing[@]}"; do
    if known "$package"; then chosen+=("$package"); else unknown+=("$package"); fi
  done
  for package in "${optional[@]}"; do
    if known "$package"; then chosen+=("$package"); else say "no $package here: the fuzz preset is not available"; fi
  done
  if [ ${#unknown[@]} -gt 0 ]; then
    say "not in this distribution, CMake fetches what it finds nowhere: ${unknown[*]}"
    installed git || chosen+=(git)
  fi
  [ ${#chosen[@]} -eq 0 ] || install_packages "$root" "${chosen[@]}"
}

python_environment() {
  local python
  python=$(find_python)
  [ -n "$python" ] || fail "Python 3.11 or newer is needed; name it with PYTHON=..."
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python tools/download_size.py constraints.txt
  # torch comes first and alone, so that the build which the user's pip configuration prefers is the one that stays.
  .venv/bin/python -m pip install --disable-pip-version-check "$(grep '^torch==' constraints.txt)"
  .venv/bin/python -m pip install --disable-pip-version-check --quiet -r constraints.txt
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  system_packages
else
  say "no apt here: a C++20 compiler, make and Python 3.11 with its headers are needed; CMake fetches missing libraries"
fi
python_environment
say "ready: .venv"
