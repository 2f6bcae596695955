/** Bundles the rounds of kill -9 and runs them: `npm run torture -- --rounds 200 --seed 7`. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const outfile = join(ROOT, 'dist/torture/torture.js')
await build({
  entryPoints: [join(ROOT, 'tests/integration/kill-rounds-main.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
