#!/bin/bash
# Lays the built product out under a folder, by packaging/install-layout.txt.
#   packaging/install.sh --root DIR [--node PATH] [--for pool|pair]
# --root  where "/" of the host is: a mounted root, or / itself
# --node  the Node that will run on the host (20 or later); default: the one found here
# --for   pool (default): a host of a pool; pair: a machine without XAPI that runs `holdfast mirror` or the witness
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root='' node='' use=pool

usage() {
  echo "usage: packaging/install.sh --root DIR [--node PATH] [--for pool|pair]" >&2
  exit 64
}
while (($#)); do
  case $1 in
    --root) root=${2:-} ;;
    --node) node=${2:-} ;;
    --for) use=${2:-} ;;
    *) usage ;;
  esac
  shift
  shift || usage
done
[[ -n $root && ($use == pool || $use == pair) ]] || usage
# A wrapper or a link on the PATH is no use on the host: ask Node itself where it is.
node=$("${node:-node}" -p process.execPath) || { echo "install: no Node found; name one with --node" >&2; exit 1; }

layout() { awk -v use="$use" '/^for /{skip = $2 != use; next} /^[^#]/ && !skip' "$here/packaging/install-layout.txt"; }

while read -r _ _ arrow source; do
  [[ $arrow == '<-' && $source != NODE && ! -f $here/$source ]] || continue
  echo "install: $source is missing; run: npm run build" >&2
  exit 1
done < <(layout)

install -d -m 0755 "$root"
umask 022
while read -r mode path arrow source; do
  target=$root$path
  if [[ $arrow == '<?' && ! -f $here/$source ]]; then
    # One of an earlier release is not for this one.
    rm -f "$target"
    continue
  fi
  case $mode:$arrow in
    link:*)
      mkdir -p "$(dirname "$target")"
      ln -sfnT "$source" "$target"
      ;;
    *:'')
      mkdir -p "$(dirname "$target")"
      install -d -m "$mode" "$target"
      ;;
    *)
      mkdir -p "$(dirname "$target")"
      # Made beside and renamed, so that what runs keeps its file and nobody starts half of one.
      new=$target.installing
      rm -f "$new"
      if [[ $source != NODE ]]; then
        install -m "$mode" "$here/$source" "$new"
      elif ! ln "$node" "$new" 2>/dev/null; then
        install -m "$mode" "$node" "$new"
      fi
      # Renaming one hard link of a file onto another does nothing and leaves both.
      if [[ $new -ef $target ]]; then rm "$new"; else mv -fT "$new" "$target"; fi
      ;;
  esac
done < <(layout)
