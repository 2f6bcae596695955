import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { openBlockFile } from '../../lib/dom0/block/block-file'
import { allocateZeroes } from '../../lib/dom0/block/block-file-space'
import { loadNativeIo } from '../../lib/dom0/block/native-io'
import { eventually } from '../integration/worker-host'
import { ADDONS, NO_NATIVE } from './native-addon'

const MIB = 1024 * 1024
let folder = ''
const PATH = process.env['PATH'] ?? ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-space-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** An image that is full of ones. */
function image(sizeBytes: number): string {
  const path = join(folder, 'disk')
  writeFileSync(path, Buffer.alloc(sizeBytes, 1))
  return path
}

interface Elsewhere {
  readonly child: ChildProcess
  /** What it printed, when it has ended. */
  readonly said: Promise<string>
}

/** In a process of its own that finds programs at `path`; `it`: a module of lib/dom0. */
function elsewhere(module: string, script: string, path: string): Elsewhere {
  const outfile = join(folder, 'elsewhere.js')
  const source = join(__dirname, '..', '..', 'lib', 'dom0', module)
  const contents = `const it = require(${JSON.stringify(source)}); ${script}`
  buildSync({ stdin: { contents, resolveDir: folder }, bundle: true, platform: 'node', outfile, logLevel: 'error' })
  const child = spawn(process.execPath, [outfile], { env: { PATH: path }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return { child, said: new Promise((resolve) => child.once('close', () => resolve(said))) }
}

test('a large range is given back by fallocate, and the rest stays', async () => {
  const path = image(16 * MIB)
  const fd = openSync(path, 'r+')
  expect(await allocateZeroes(fd, 4 * MIB, 8 * MIB, true)).toBe(true)
  closeSync(fd)
  expect(statSync(path).blocks * 512).toBeLessThan(9 * MIB)
  const ones = Buffer.alloc(4 * MIB, 1)
  expect(readFileSync(path).equals(Buffer.concat([ones, Buffer.alloc(8 * MIB), ones]))).toBe(true)
})

test('without the program nothing is done, and that is said', async () => {
  const path = image(MIB)
  const asked = `allocateZeroes(require('fs').openSync(${JSON.stringify(path)}, 'r+'), 0, ${MIB}, true)`
  expect(await elsewhere('block/block-file-space', `it.${asked}.then(console.log)`, folder).said).toBe('false\n')
  expect(readFileSync(path).equals(Buffer.alloc(MIB, 1))).toBe(true)
})

test('what zeroes does not outlive the process that asked for it', async () => {
  const started = join(folder, 'started')
  writeFileSync(join(folder, 'fallocate'), `#!/bin/sh\necho $$ >${started}.new\nmv ${started}.new ${started}\nexec sleep 600\n`)
  chmodSync(join(folder, 'fallocate'), 0o755)
  const asked = `allocateZeroes(require('fs').openSync(${JSON.stringify(image(MIB))}, 'r+'), 0, 1, true)`
  const asks = elsewhere('block/block-file-space', `it.${asked}`, `${folder}:${PATH}`)
  await eventually('it has begun', () => Promise.resolve(existsSync(started) ? true : null))
  const zeroing = `/proc/${readFileSync(started, 'utf8').trim()}`
  expect(existsSync(zeroing)).toBe(true)
  asks.child.kill('SIGKILL')
  await asks.said
  await eventually('it is gone', () => Promise.resolve(existsSync(zeroing) ? null : true))
})

const withAddon = NO_NATIVE === '' ? test : test.skip
withAddon('the addon needs no program for it, of whatever length and at whatever place', async () => {
  const path = image(64 * MIB)
  const [from, length] = [3 * MIB + 512, 55 * MIB + 1024]
  const options = `{ path: ${JSON.stringify(path)}, sizeBytes: ${64 * MIB}, create: false, native }`
  const native = `const native = {}; process.dlopen({ exports: native }, ${JSON.stringify(join(ADDONS, 'holdfast-io.node'))})`
  const zeroed = `it.openBlockFile(${options}).then((device) => device.zero(${from}, ${length}, true)).then(() => console.log('zeroed'))`
  expect(await elsewhere('block/block-file', `${native}; ${zeroed}`, folder).said).toBe('zeroed\n')
  expect(statSync(path).blocks * 512).toBeLessThan(10 * MIB)
  const ones = Buffer.alloc(64 * MIB, 1)
  const left = Buffer.concat([ones.subarray(0, from), Buffer.alloc(length), ones.subarray(from + length)])
  expect(readFileSync(path).equals(left)).toBe(true)
})

withAddon('a new replica of a large disk is zeroed in few pieces, and closing between two of them is an end', async () => {
  const path = join(folder, 'large')
  const fd = openSync(path, 'w')
  ftruncateSync(fd, 2 ** 42)
  closeSync(fd)
  const native = loadNativeIo(ADDONS)
  if (native === null) throw new Error('there is an addon')
  let asked = 0
  const counting = Object.assign(Object.create(native) as typeof native, {
    zero: (...given: Parameters<typeof native.zero>) => {
      asked += 1
      return native.zero(...given)
    },
  })
  const device = await openBlockFile({ path, sizeBytes: 2 ** 42, create: false, native: counting })
  await device.zero(0, 2 ** 42, true)
  expect(asked).toBe(1024)
  const zeroing = device.zero(0, 2 ** 42, true)
  const closed = device.close()
  await expect(zeroing).rejects.toMatchObject({ code: 'EBADF' })
  await closed
})
