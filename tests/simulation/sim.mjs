/** Bundles the command and runs it: `npm run sim -- --mirror --seeds 20000`. */
import { runBundled } from '../../packaging/run-bundled.mjs'

await runBundled('tests/simulation/sim.ts', 'simulation/sim.js', { packages: 'external' })
