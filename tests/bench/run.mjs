/** Bundles the benchmarks into dist/bench and runs them: `npm run bench -- mirror --quick`. */
import { runBundled } from '../../packaging/run-bundled.mjs'

await runBundled('tests/bench/bench.ts', 'bench/bench.js')
