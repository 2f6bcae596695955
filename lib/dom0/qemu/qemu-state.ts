import { once } from 'node:events'
import { open, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { StateWay } from '../../ports/capture'
import type { QmpSession } from './qmp'
import { failure } from '../system/system-error'

/** Some 30 KB of devices; with a screen's memory, some 16 MB. */
const STATE_BYTES_MAX = 64 * 1024 * 1024

/** The state of devices and processors of a machine that stands; see StateWay. Rejects as Qmp does, or with the system's error. */
export type SaveState = (limitMs: number) => Promise<Buffer>

/** `folder`: on tmpfs, for nobody else, and reachable by QEMU. */
export function stateSaver(qmp: QmpSession, way: StateWay, folder: string): SaveState {
  return way === 'devices'
    ? (limitMs) => devicesAlone(qmp, join(folder, 'state'), limitMs)
    : (limitMs) => byMigration(qmp, join(folder, 'state.socket'), limitMs)
}

/** Through a file: a pipe that nobody reads would stop QEMU. `live`: it is not told to give its disks away. */
async function devicesAlone(qmp: QmpSession, path: string, limitMs: number): Promise<Buffer> {
  await qmp.execute('xen-save-devices-state', { filename: path, live: false }, limitMs)
  const file = await open(path, 'r')
  try {
    if ((await file.stat()).size > STATE_BYTES_MAX) throw tooLong()
    return await file.readFile()
  } finally {
    await file.close()
  }
}

async function byMigration(qmp: QmpSession, path: string, limitMs: number): Promise<Buffer> {
  await rm(path, { force: true })
  const capabilities = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }))
  const stream = await listen(path)
  let ignore: () => void = () => undefined
  let limit: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    limit = setTimeout(() => reject(failure('ETIMEDOUT', `the state was not there within ${limitMs} ms`)), limitMs)
  })
  const ended = new Promise<void>((resolve, reject) => {
    ignore = qmp.onEvent(({ name, data }) => {
      if (name !== 'MIGRATION') return
      if (data['status'] === 'completed') resolve()
      else if (data['status'] === 'failed') reject(failure('EIO', 'the migration of the state failed'))
    })
  })
  try {
    const asked = Promise.all([
      qmp.execute('migrate-set-capabilities', { capabilities }, limitMs),
      qmp.execute('migrate-set-parameters', { 'max-bandwidth': 0 }, limitMs),
      qmp.execute('migrate', { uri: `unix:${path}` }, limitMs),
    ])
    const [, state] = await Promise.race([Promise.all([asked, stream.whole, ended]), late])
    return state
  } finally {
    clearTimeout(limit)
    ignore()
    stream.close()
  }
}

interface Incoming {
  /** All bytes of the one connection that comes. */
  readonly whole: Promise<Buffer>
  close(): void
}

async function listen(path: string): Promise<Incoming> {
  const server = createServer()
  let connection: Socket | null = null
  const whole = new Promise<Buffer>((resolve, reject) => {
    server.once('connection', (socket) => {
      connection = socket
      const chunks: Buffer[] = []
      let bytes = 0
      socket.on('data', (chunk) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes > STATE_BYTES_MAX) reject(tooLong())
      })
      socket.on('end', () => resolve(Buffer.concat(chunks)))
      socket.on('error', reject)
    })
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    whole,
    close: () => {
      connection?.destroy()
      server.close()
    },
  }
}

const tooLong = (): Error => failure('EMSGSIZE', `the state is longer than ${STATE_BYTES_MAX} bytes`)
