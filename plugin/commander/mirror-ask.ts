import { join, resolve } from 'node:path'
import { Refusal } from '../../lib/core/domain/errors'
import { askSocket } from '../../lib/dom0/api/daemon-client'
import { hostId } from '../../lib/dom0/mirror/identity'
import { readMirrorRecord, type MirrorRecord } from '../../lib/dom0/mirror/record'
import { codeOf, textOf } from '../../lib/dom0/system/system-error'
import { Malformed } from '../../lib/wire/shape'
import type { WorkerApi } from '../../lib/wire/worker-api'

export interface ServedMirror {
  readonly folder: string
  readonly record: MirrorRecord
  /** This side's identifier. */
  readonly own: string
  /** By the hosts' identifiers. */
  readonly names: ReadonlyMap<string, string>
  /** The name behind a host's identifier. */
  readonly nameOf: (host: string) => string
  /** Rejects with Refusal HOLDFAST_MIRROR_NOT_SERVED when nobody serves the mirror. */
  readonly ask: <F extends keyof WorkerApi>(fn: F, body: WorkerApi[F]['ask']) => Promise<WorkerApi[F]['answer']>
}

/** A take-over waits for the old holder's lease, and asks the witness several times. */
const ASK_LIMIT_MS = 20_000

/** The mirror that is served, or was, from this folder. Throws Refusal when none ever was. */
export function servedMirror(given: string): ServedMirror {
  const folder = resolve(given)
  const record = recordIn(folder)
  if (record === null) throw silent(folder, 'No mirror was ever served from there.')
  const names = new Map([record.host, record.peer].filter((name) => name !== '').map((name) => [String(hostId(name)), name]))
  return {
    folder,
    record,
    own: hostId(record.host),
    names,
    nameOf: (host) => names.get(host) ?? host,
    ask: async (fn, body) => {
      try {
        return await askSocket<WorkerApi, typeof fn>(fn, body, { socket: join(folder, 'control.sock'), limitMs: ASK_LIMIT_MS })
      } catch (error) {
        if (error instanceof Refusal || codeOf(error) === '') throw error
        if (FORBIDDEN.includes(codeOf(error))) throw forbidden(folder, codeOf(error))
        throw silent(folder, NOT_THERE.includes(codeOf(error)) ? 'It is not running.' : `Its worker said ${codeOf(error)}.`)
      }
    },
  }
}

function recordIn(folder: string): MirrorRecord | null {
  try {
    return readMirrorRecord(folder)
  } catch (error) {
    if (codeOf(error) === '' && !(error instanceof Malformed)) throw error
    if (FORBIDDEN.includes(codeOf(error))) throw forbidden(folder, codeOf(error))
    throw silent(folder, `Its mirror.json cannot be read: ${textOf(error)}.`)
  }
}

const NOT_THERE: readonly string[] = ['ENOENT', 'ECONNREFUSED']
const FORBIDDEN: readonly string[] = ['EACCES', 'EPERM']

const silent = (folder: string, reason: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_NOT_SERVED', {
    ...{ folder, reason, todo: `Look for its process: holdfast mirror serve --folder ${folder}` },
  })

const forbidden = (folder: string, code: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_NOT_SERVED', {
    ...{
      folder,
      reason: `This user may not look into the folder (${code}).`,
      todo: 'Run it as the user that serves the mirror.',
    },
  })
