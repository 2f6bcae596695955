import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Bundles a program of the tree into dist/ and runs it in this process, with this process's arguments. `options`: esbuild's. */
export async function runBundled(program, bundle, options = {}) {
  const outfile = join(ROOT, 'dist', bundle)
  await build({
    entryPoints: [join(ROOT, program)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
    ...options,
  })
  await import(pathToFileURL(outfile).href)
}
