import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../../lib/core/domain/errors'
import { lockDirectory } from '../../lib/dom0/system/directory-lock'
import { makeFolder } from '../../lib/dom0/system/make-folder'
import { endOrphan } from '../../lib/dom0/mirror/orphan'
import { readMirrorRecord, writeMirrorRecord, writeWhole, type MirrorRecord } from '../../lib/dom0/mirror/record'
import { codeOf, textOf } from '../../lib/dom0/system/system-error'
import type { Log } from '../../lib/ports/log'
import type { MirrorOptions } from '../../lib/wire/mirror-options'
import { Malformed } from '../../lib/wire/shape'
import type { WorkerSpec } from '../../lib/wire/worker-api'
import { settleClaim } from './mirror-claim'
import { lookAround, poolOf } from './mirror-look'
import { recordFrom, specOf } from './mirror-spec'

/**
 * Looks at everything, then makes what a first start makes, then writes the worker's spec.json. Rejects with Refusal, and then
 * nothing was changed. The folder stays locked until this process ends.
 */
export async function prepareSide(options: MirrorOptions, log: Log): Promise<WorkerSpec> {
  const pool = options.pair === null ? null : poolOf(options.pair)
  const record = recordOf(options)
  const made = occupy(options)
  try {
    await endOrphan(join(options.folder, 'control.sock'))
    const verdict = await lookAround(options, record, log)
    const spec = specOf(options, pool, verdict.sizeBytes)
    await settleClaim(options, spec, verdict, log)
    writeMirrorRecord(options.folder, recordFrom(options))
    writeWhole(join(options.folder, 'spec.json'), spec)
    return spec
  } catch (error) {
    if (error instanceof Refusal && made !== null) rmSync(made, { recursive: true })
    throw error
  }
}

const folderRefusal = ({ folder, name }: MirrorOptions, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_FOLDER', { folder, mirror: name, reason, todo })

/** Locks the folder, made if need be; answers the first folder that had to be made. */
function occupy(options: MirrorOptions): string | null {
  const { folder } = options
  let made: string | null = null
  try {
    made = makeFolder(folder)
    const lock = lockDirectory(folder)
    if ('release' in lock) return made
    const todo = `Look at: holdfast mirror status --folder ${folder}`
    throw folderRefusal(options, `Process ${lock.holder} serves it already.`, todo)
  } catch (error) {
    if (made !== null) rmSync(made, { recursive: true })
    if (codeOf(error) === '' || error instanceof Refusal) throw error
    const todo = codeOf(error) === 'EFLOCK' ? 'Install util-linux.' : 'Choose a folder that this user may write to.'
    throw folderRefusal(options, `${textOf(error)}.`, todo)
  }
}

function recordOf(options: MirrorOptions): MirrorRecord | null {
  const record = recordIn(options)
  if (record === null) return null
  for (const which of ['name', 'host'] as const) {
    if (record[which] === options[which]) continue
    const reason = `It belongs to ${record.name} on ${record.host}, and --${which} says ${options[which]}.`
    throw folderRefusal(options, reason, 'Give each mirror a folder of its own on each side.')
  }
  return record
}

function recordIn(options: MirrorOptions): MirrorRecord | null {
  try {
    return readMirrorRecord(options.folder)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw folderRefusal(options, `Its mirror.json is not understood: ${error.message}.`, 'Remove mirror.json if it is damaged.')
  }
}
