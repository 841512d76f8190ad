# shellcheck shell=bash
# Sourced by the scripts that install system packages: what is there, who may install, and installing.

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
# No pipe into `grep -q`: under pipefail apt-cache's SIGPIPE would make every package unknown.
known() { [[ $(apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]; }

become_root() {
  if [ "$(id -u)" = 0 ]; then
    echo env
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    echo sudo env
  fi
}

install_packages() {
  local root=$1
  shift
  say "installing $*"
  $root apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null |
    sed -n 's/^Need to get \(.*\) of archives.*/setup: apt will download \1/p' || true
  $root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
