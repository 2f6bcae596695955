/**
 * Builds the addons of lib/native: `node packaging/native.mjs FOLDER`. Where there is no C compiler, or no headers of this Node, it says so
 * and makes nothing: everything works without them, only slower.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SOURCES = fileURLToPath(new URL('../lib/native/', import.meta.url))
const HEADERS = join(dirname(process.execPath), '../include/node')
const NEEDED = ['node_api.h', 'uv.h', 'openssl/ssl.h']
export const ADDONS = ['holdfast-io', 'holdfast-tls', 'holdfast-extents', 'holdfast-memory', 'holdfast-pages']

/** Answers why they were not built; empty when they were. */
export function buildNative(folder) {
  mkdirSync(folder, { recursive: true })
  for (const name of ADDONS) {
    const out = join(folder, `${name}.node`)
    // Renamed into place: what runs keeps its file, and nobody loads half of one.
    const made = `${out}.${process.pid}.new`
    const why = compile(join(SOURCES, `${name}.c`), made)
    if (why === '') renameSync(made, out)
    else {
      for (const each of ADDONS) rmSync(join(folder, `${each}.node`), { force: true })
      return why
    }
  }
  return ''
}

function compile(source, out) {
  if (NEEDED.some((name) => !existsSync(join(HEADERS, name)))) return `no headers of Node in ${HEADERS}`
  const options = ['-O2', '-Wall', '-Wextra', '-fPIC', '-shared', `-I${HEADERS}`, source, '-o', out]
  const { error, status, stderr } = spawnSync('cc', options, { encoding: 'utf8' })
  if (error !== undefined) return `no C compiler (${error.code})`
  return status === 0 ? '' : `the C compiler failed: ${stderr.trim()}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) {
    console.error('usage: node packaging/native.mjs FOLDER')
    process.exit(64)
  }
  const why = buildNative(folder)
  console.log(why === '' ? `built ${ADDONS.join(', ')} in ${folder}` : `not built: ${why}`)
}
