#!/usr/bin/env bash
# Searches the models with spin, every state of them: docs/model/check.sh [-a] [-t] [WORD...]
# -a: also what takes minutes and two gigabytes. -t: with teeth, that is with each rule switched off in turn, which spin must refute.
# WORD: only lines that contain one of these. Ends well when every line is as it should be.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

# model | what is looked for | options of spin | options of the compiler | options of the search
PROPERTIES='
claim|two never act, who is listed lacks nothing|-DTERMS=2|-DSAFETY|
claim|who is listed lacks nothing, whatever the clocks do|-DBEYOND -DTERMS=2|-DSAFETY|
claim|well again 6 ticks after the last fault|-DLIVE -DTERMS=2|-DSAFETY|
switch|two never act, who is listed lacks nothing|-DPROMPT|-DSAFETY|
switch|well again 8 ticks after the last fault or witness|-DLIVE -DPROMPT|-DSAFETY|
'
LONG='
claim|two never act, with two take-overs|-DTERMS=3|-DSAFETY|
claim|no going round without time|-DLIVE -DLIVELOCK -DTERMS=2|-DNOFAIR|-a
switch|no going round without time|-DLIVE -DLIVELOCK -DPROMPT|-DNOFAIR|-a
switch|two never act, lost changes come late|-DLATE|-DSAFETY|
'
# model | rules that can be switched off | options of spin
TEETH='
claim|NO_LEASE_WAIT NO_MARGIN NO_ASKED_AT NO_HEARD_AT_START NO_PROMISE NO_PROMISE_AT_START NO_SILENCE NO_SEAL NO_UNDER_WAY|-DTERMS=2
claim|NO_CLAIM_FIRST NO_OVERTAKING NO_DURABLE NO_UP_TO_DATE|-DTERMS=2
switch|NO_PEER_NOTE NO_SAME_CLAIM NO_NOTE_SAVED NO_STOP NO_HIGHEST NO_LEASE_AT_CARRY NO_RAISE NO_DECIDED_NOTE|-DPROMPT
'

teeth=false
while getopts at option; do
  case $option in
    a) PROPERTIES+=$LONG ;;
    t) teeth=true ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
words=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wanted() {
  [ ${#words[@]} -gt 0 ] || return 0
  local word
  for word in "${words[@]}"; do case $1 in *"$word"*) return 0 ;; esac; done
  return 1
}

# search MODEL SPIN_OPTIONS COMPILER_OPTIONS PAN_OPTIONS: leaves what the search said in $work/said, and a trail if there is one.
search() {
  rm -rf "$work/run" && mkdir "$work/run" && cp "$1.pml" "$work/run/" || exit 1
  # shellcheck disable=SC2086 # options are words
  (cd "$work/run" && spin $2 -a "$1.pml" >../log && gcc -O1 -w -DMEMLIM=1900 $3 -o pan pan.c 2>>../log && ./pan -w24 $4 >../said) ||
    { cat "$work/log" >&2; exit 1; }
}

figure() { sed -nE "s/$1/\\1/p" "$work/said" | tail -1; }
figures() {
  printf '%s states, depth %s, %.0f MB, %.1f s' "$(figure '^ *([0-9]+) states, stored.*')" "$(figure '.*depth reached ([0-9]+),.*')" \
    "$(figure '^ *([0-9.]+)\ttotal actual memory usage')" "$(figure '^pan: elapsed time ([0-9.e+-]+) seconds')"
}
# Nothing is concluded from a search that did not see everything.
whole() { ! grep -qE 'max search depth too small|out of memory|Search not completed' "$work/said"; }
errors() { figure '.*errors: ([0-9]+)'; }

line() { printf '%-8s %-7s %-58s %s\n' "$@"; }

while IFS='|' read -r model what options compiler search; do
  [ -n "$model" ] && wanted "$model: $what" || continue
  search "$model" "$options" "$compiler" "-m3000000 $search"
  if [ "$(errors)" = 0 ] && whole; then line holds "$model" "$what" "$(figures)"
  else
    line FAILED "$model" "$what" "$(figures)"
    grep -E '^pan:' "$work/said" | head -3
    failed=1
  fi
done <<<"$PROPERTIES"

if $teeth; then
  while IFS='|' read -r model rules options; do
    for rule in $rules; do
      wanted "$model: $rule" || continue
      search "$model" "$options -D$rule" '-DSAFETY -DBFS' ''
      case $(grep -E '^pan:1: assertion' "$work/said") in
        *'lacks['*) line refuted "$model" "-D$rule" "who is listed lacks a write, in $(figure '.*at depth ([0-9]+)\)') steps" ;;
        *'role['*) line refuted "$model" "-D$rule" "two act, in $(figure '.*at depth ([0-9]+)\)') steps" ;;
        *assertion*) line refuted "$model" "-D$rule" "$(grep -E '^pan:1' "$work/said")" ;;
        *)
          line FAILED "$model" "-D$rule" "nothing is refuted: $(figures)"
          failed=1
          ;;
      esac
    done
  done <<<"$TEETH"
fi
exit $failed
