import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Bundles a program of the tree into dist/; answers its path. `options`: esbuild's. */
export async function bundle(program, into, options = {}) {
  const outfile = join(ROOT, 'dist', into)
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
  return outfile
}

/** The same, and runs it in this process, with this process's arguments. */
export async function runBundled(program, into, options = {}) {
  await import(pathToFileURL(await bundle(program, into, options)).href)
}
