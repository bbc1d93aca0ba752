#!/usr/bin/env bash
# Installs the packages of the named sections of packages/debian.txt that are missing.
#
#   tools/install_packages.sh build [test] [check]
#   tools/install_packages.sh --list build [test] [check]     only prints what is missing
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "install_packages: $*" >&2; exit 1; }

list_only=false
if [[ ${1:-} == --list ]]; then list_only=true; shift; fi
[[ $# -gt 0 ]] || fail "name the sections to install: build, test, check"

packages_of() {
  grep -q "^\[$1\]" packages/debian.txt || fail "no section '$1' in packages/debian.txt; there are build, test, check"
  awk -v section="[$1]" '{ sub(/#.*/, ""); gsub(/[ \t]/, "") } /^\[/ { inside = ($0 == section); next } inside && NF' packages/debian.txt
}

command -v dpkg-query >/dev/null || fail "this is no Debian system; install the equivalents of packages/debian.txt by hand"

missing=()
for section in "$@"; do
  packages=$(packages_of "$section")
  for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
done

if $list_only; then printf '%s\n' "${missing[@]+"${missing[@]}"}"; exit 0; fi
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) != 0 ]]; then
  sudo -n true 2>/dev/null || { command -v sudo >/dev/null && [[ -t 0 ]]; } ||
    fail "packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi

# clang 19 is in Debian 12 itself; nothing here needs another source of packages.
echo "installing ${missing[*]}"
apt() { "${as_root[@]+"${as_root[@]}"}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  fail "apt-get could not install ${missing[*]}; see above, then repeat ./dev deps"
fi
