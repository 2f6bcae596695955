/** Bundles the rounds of kill -9 and runs them: `npm run torture -- --rounds 200 --seed 7`. */
import { runBundled } from '../../packaging/run-bundled.mjs'

await runBundled('tests/integration/kill-rounds-main.ts', 'torture/torture.js', { packages: 'external' })
