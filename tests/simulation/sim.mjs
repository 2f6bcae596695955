/** Bundles the command and runs it: `npm run sim -- --mirror --seeds 20000`. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const outfile = join(ROOT, 'dist/simulation/sim.js')
await build({
  entryPoints: [join(ROOT, 'tests/simulation/sim.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
