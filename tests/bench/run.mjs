/** Bundles the benchmarks, and what of them runs in a lab's hosts, into dist/bench and runs them: `npm run bench -- mirror --quick`. */
import { bundle, runBundled } from '../../packaging/run-bundled.mjs'

await bundle('tests/bench/lockstep/agent.ts', 'bench/lockstep-agent.js')
await runBundled('tests/bench/bench.ts', 'bench/bench.js')
