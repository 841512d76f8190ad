#!/usr/bin/env bash
# Installs Debian's Chromium and its driver, which the page's tests look through. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

packages=(chromium chromium-driver fonts-dejavu-core)
missing=()
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
elif ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  fail "no apt here: chromium and chromedriver are needed on the PATH"
fi
[ ${#missing[@]} -gt 0 ] || { say "chromium is installed"; exit 0; }

root=$(become_root)
if [ -z "$root" ]; then
  say "these packages are missing, and installing them needs root. Run this line as root, then start again:" >&2
  fail "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
fi
$root apt-get update -qq || say "apt-get update failed; going on with the lists that are there"
install_packages "$root" "${missing[@]}"
