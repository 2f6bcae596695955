/**
 * Builds the addon of lib/native: `node packaging/native.mjs OUT`. Where there is no C compiler, or no headers of this Node, it says so and
 * makes nothing: everything works without the addon, only slower.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SOURCE = fileURLToPath(new URL('../lib/native/holdfast-io.c', import.meta.url))
const HEADERS = join(dirname(process.execPath), '../include/node')

/** Answers why it was not built; empty when it was. */
export function buildNative(out) {
  mkdirSync(dirname(out), { recursive: true })
  // Renamed into place: what runs keeps its file, and nobody loads half of one.
  const made = `${out}.${process.pid}.new`
  const why = compile(made)
  if (why === '') renameSync(made, out)
  else rmSync(out, { force: true })
  return why
}

function compile(out) {
  if (!existsSync(join(HEADERS, 'node_api.h')) || !existsSync(join(HEADERS, 'uv.h'))) return `no headers of Node in ${HEADERS}`
  const options = ['-O2', '-Wall', '-Wextra', '-fPIC', '-shared', `-I${HEADERS}`, SOURCE, '-o', out]
  const { error, status, stderr } = spawnSync('cc', options, { encoding: 'utf8' })
  if (error !== undefined) return `no C compiler (${error.code})`
  return status === 0 ? '' : `the C compiler failed: ${stderr.trim()}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [out] = process.argv.slice(2)
  if (out === undefined) {
    console.error('usage: node packaging/native.mjs OUT')
    process.exit(64)
  }
  const why = buildNative(out)
  console.log(why === '' ? `built ${out}` : `not built: ${why}`)
}
