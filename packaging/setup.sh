#!/usr/bin/env bash
# Brings a fresh Debian 12 with Node and npm to where `npm run demo`, `npm test` or `npm run bench` can run:
# packaging/setup.sh demo|test|bench
# Looks before it acts: what is there is left alone, and when all of it is there this costs a moment.
set -euo pipefail
cd "$(dirname "$0")/.."

# command it is needed for, Debian package it comes from
DEMO_TOOLS="
qemu-system-x86_64 qemu-system-x86
qemu-img           qemu-utils
ip                 iproute2
unshare            util-linux
mount              mount
"
TEST_TOOLS="
nbdinfo             libnbd-bin
nbdsh               python3-libnbd
nbdkit              nbdkit
qemu-storage-daemon qemu-system-common
ping                iputils-ping
ss                  iproute2
fio                 fio
openssl             openssl
mkfs.ext4           e2fsprogs
losetup             mount
setpriv             util-linux
strace              strace
etcd                etcd-server
ipmitool            ipmitool
ipmi_sim            openipmi
spin                spin
"
# Without a compiler and the C library's headers (gencat comes with them) the addons are not built, and everything is slower.
ADDON_TOOLS="
cc                  gcc
gencat              libc6-dev
"
BENCH_TOOLS="
fio                 fio
qemu-storage-daemon qemu-system-common
openssl             openssl
setpriv             util-linux
"

say() { printf 'set-up: %s\n' "$*"; }
stop() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

case "${1-}" in
  demo) tools=$DEMO_TOOLS ;;
  test) tools="$DEMO_TOOLS$TEST_TOOLS$ADDON_TOOLS" ;;
  bench) tools="$BENCH_TOOLS$ADDON_TOOLS" ;;
  *) echo 'usage: packaging/setup.sh demo|test|bench' >&2; exit 2 ;;
esac

export PATH="$PATH${HOLDFAST_SYSTEM_PATH-:/usr/local/sbin:/usr/sbin:/sbin}"
node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || stop 'node is missing: install Node.js 20 or newer'
[ "$node_major" -ge 20 ] || stop "Node.js 20 or newer is needed, this is $(node --version)"

missing_packages() {
  while read -r tool package; do
    [ -z "$tool" ] || command -v "$tool" >/dev/null || printf '%s\n' "$package"
  done <<<"$tools" | sort -u | tr '\n' ' '
}

install_debian() {
  local missing
  missing=$(missing_packages)
  missing=${missing% }
  [ -n "$missing" ] || return 0
  local line="apt-get install --no-install-recommends $missing"
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    stop "Debian packages are missing: $missing
set-up: as root, run: $line"
  fi
  say "Debian packages: $missing"
  local log
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # the names are words
  if ! { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    stop "apt-get failed; as root, run: $line"
  fi
  rm -f "$log"
  missing=$(missing_packages)
  [ -z "$missing" ] || stop "still missing after apt-get: $missing"
}

install_npm() {
  # npm writes its copy of the lock file last, so a copy that is there and as new is an installation that ended well.
  local installed=node_modules/.package-lock.json
  local stamp=node_modules/.holdfast-lock
  local lock
  lock=$(cksum <package-lock.json)
  if [ -f "$installed" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ]; then return 0; fi
  if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    say 'npm packages'
    npm ci --no-audit --no-fund --loglevel=error || stop 'npm ci failed'
  fi
  printf '%s' "$lock" >"$stamp"
}

install_debian
install_npm
say 'ready'
