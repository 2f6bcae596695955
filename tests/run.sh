#!/usr/bin/env bash
# Everything CI knows: types and lint, then house rules, units, wires and the simulator, then real processes and the lab, two files at a
# time. Ends in jest's summary and one line "N passed, N failed".
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

# jest itself would leave one of two cores idle.
npx jest --selectProjects house unit --maxWorkers=2 --json --outputFile="$results/quick.json" || true
# One after the other: each has threads of its own.
npx jest --selectProjects simulation --runInBand --json --outputFile="$results/simulation.json" || true
# Most of them wait more than they work. A new worker when one has grown: a process that has run forty files is slow, and may not end.
npx jest --selectProjects integration --maxWorkers=2 --workerIdleMemoryLimit=400MB --json --outputFile="$results/lab.json" || true

node -e '
  const { readFileSync, existsSync } = require("node:fs")
  const { relative } = require("node:path")
  const runs = ["quick", "simulation", "lab"].map((name) => `${process.argv[1]}/${name}.json`)
  const read = runs.map((file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { numPassedTests: 0, numFailedTests: 1, numRuntimeErrorTestSuites: 0 }))
  const seconds = ({ startTime, endTime }) => (endTime - startTime) / 1000
  const slowest = read.flatMap(({ testResults = [] }) => testResults).sort((one, other) => seconds(other) - seconds(one))
  console.log("\nslowest files:")
  for (const file of slowest.slice(0, 12)) console.log(`${seconds(file).toFixed(0).padStart(5)} s  ${relative("", file.name)}`)
  const sum = (field) => read.reduce((total, run) => total + run[field], 0)
  const skipped = read.flatMap(({ testResults = [] }) => testResults).flatMap(({ name, assertionResults }) =>
    assertionResults.filter(({ status }) => status === "pending").map(({ fullName }) => `  ${relative("", name)}: ${fullName}`))
  if (skipped.length > 0) console.log(`\nskipped, because this machine cannot:\n${skipped.join("\n")}`)
  const bad = sum("numFailedTests") + sum("numRuntimeErrorTestSuites") + Number(process.argv[2])
  console.log(`\n${sum("numPassedTests")} passed, ${bad} failed`)
  process.exitCode = bad === 0 ? 0 : 1
' "$results" "$failed"
