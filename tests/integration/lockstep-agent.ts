/**
 * The two sides of a lockstep without what connects them, in a host of the lab: one line of words is a request, one of JSON its answer.
 * What one side writes into files the test carries to the other.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { prepareStandby } from '../../lib/dom0/qemu/prepare-standby'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import { standbyHost } from '../../lib/dom0/qemu/standby-host'
import type { StateWay } from '../../lib/ports/capture'
import type { ChangedPages, MemoryRange } from '../../lib/ports/changed-memory'
import type { StandbyMachine } from '../../lib/ports/standby-machine'

const LIMIT_MS = 30_000
const FOLDER = '/dev/shm/lockstep-agent'
mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
const host = standbyHost()

let capture: QemuCapture
let into: Buffer
let standby: StandbyMachine

const requests: Readonly<Record<string, (...words: string[]) => Promise<unknown>>> = {
  watch: async (domid = '') => {
    const qmp = await Qmp.open(`/var/run/xen/qmp-libxl-${domid}`, LIMIT_MS)
    const found = await probeQemu(qmp)
    if (!found.can) return found
    into = Buffer.alloc(found.memoryBytes)
    capture = await QemuCapture.begin({ qmp, found, folder: FOLDER, native: null })
    return found
  },
  look: async (file = '') => writePages(file, await capture.look(into)),
  checkpoint: async (file = '') => {
    if ((await capture.pause()) !== 'paused') throw new Error('it does not run')
    const { state, pages } = await capture.capture(into)
    writeFileSync(`${file}.state`, state)
    return writePages(file, pages)
  },
  resume: () => capture.resume(),

  lacks: () => host.lacks(),
  prepare: async (vm = '', memoryBytes = '', way = '') => {
    const served = () => ({ socket: '/nowhere', exportName: '' })
    const spec = { vm, run: 1, memoryBytes: Number(memoryBytes), way: way as StateWay }
    standby = await prepareStandby({ host, folder: FOLDER, served })(spec)
  },
  fill: (file = '') => {
    const runs = JSON.parse(readFileSync(`${file}.runs`, 'utf8')) as MemoryRange[]
    return standby.fill([{ runs, bytes: readFileSync(file) }])
  },
  load: (file = '') => standby.load(readFileSync(`${file}.state`), { sent: [], came: [] }),
  run: () => standby.run(() => undefined),
  end: () => standby.end(),
}

/** @returns the number of bytes */
function writePages(file: string, { parts, rest }: ChangedPages): number {
  if (rest.length > 0) throw new Error('there was no room for all')
  writeFileSync(`${file}.runs`, JSON.stringify(parts.flatMap(({ runs }) => runs)))
  const bytes = Buffer.concat(
    parts.map(({ runs, bytes: all }) =>
      all.subarray(
        0,
        runs.reduce((sum, run) => sum + run.length, 0),
      ),
    ),
  )
  writeFileSync(file, bytes)
  return bytes.length
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [request = '', ...words] = line.split(' ')
  const answer = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)
  const asked = requests[request]
  if (asked === undefined) throw new Error(`no request ${request}`)
  asked(...words).then(
    (value) => answer({ ok: value ?? null }),
    (error: unknown) => answer({ error: String(error) }),
  )
})
