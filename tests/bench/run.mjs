/** Bundles the benchmarks into dist/bench and runs them: `npm run bench -- mirror --quick`. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const outfile = join(ROOT, 'dist/bench/bench.js')
await build({
  entryPoints: [join(ROOT, 'tests/bench/bench.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
