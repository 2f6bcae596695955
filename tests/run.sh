#!/usr/bin/env bash
# Everything CI knows: types and lint, then house rules, units and wires, then real processes and the lab, one file at a time
# because they share this machine's cores. Ends in jest's summary and one line "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=0

step() {
  local name=$1
  shift
  local begun=$SECONDS
  if "$@" >"$results/out" 2>&1; then
    echo "ok    $name ($((SECONDS - begun)) s)"
  else
    echo "FAILED $name"
    cat "$results/out"
    failed=$((failed + 1))
  fi
}

step 'build' node packaging/build.mjs
step 'types' npx tsc --noEmit
step 'lint' npx eslint .
step 'format' npx prettier --check --log-level warn .

npx jest --selectProjects house unit --json --outputFile="$results/quick.json" || true
npx jest --selectProjects simulation --runInBand --json --outputFile="$results/simulation.json" || true
npx jest --selectProjects integration --runInBand --json --outputFile="$results/lab.json" || true

node -e '
  const { readFileSync, existsSync } = require("node:fs")
  const runs = ["quick", "simulation", "lab"].map((name) => `${process.argv[1]}/${name}.json`)
  const read = runs.map((file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { numPassedTests: 0, numFailedTests: 1, numRuntimeErrorTestSuites: 0 }))
  const sum = (field) => read.reduce((total, run) => total + run[field], 0)
  const bad = sum("numFailedTests") + sum("numRuntimeErrorTestSuites") + Number(process.argv[2])
  console.log(`\n${sum("numPassedTests")} passed, ${bad} failed`)
  process.exitCode = bad === 0 ? 0 : 1
' "$results" "$failed"
