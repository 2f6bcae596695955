import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../../core/domain/assert'
import { isUuid } from '../../core/domain/ids'
import type { LeaseNote } from '../../core/domain/lease-note'
import type { LeaseFolder, LeaseNotes, LeaseTold } from '../../ports/lease-notes'
import type { Clock } from '../../ports/clock'
import type { Log } from '../../ports/log'
import { Malformed } from '../../wire/shape'
import { leaseJson, leaseOf } from './lease-file-note'
import { readRecord, RecordFile } from './lease-file-record'
import { startedTicks } from '../process/process-identity'
import { markSelfFenced } from './self-fenced'
import { makeFolder } from '../system/make-folder'
import { RareWarning } from '../log/rare-log'
import { codeOf, textOf } from '../system/system-error'

/** Of a host: memory, like what is told in it. */
export const LEASES = '/run/holdfast/leases'

/** FOLDER/<worker's id>: its lease. FOLDER/<worker's id>.paused: what the watchdog did to the guest, until the worker saw it. */
const markOf = (folder: string, id: string): string => join(folder, `${id}.paused`)
const UNDER_WAY = 'under-way'
const DONE = 'done'
/** As many as a host can have guests; a folder with more is not read to its end. */
const LEASES_MAX = 4096

/** The worker's side. `clock` must be the machine's monotonic one. */
export function leaseNotes({ folder, id, clock, log }: { folder: string; id: string; clock: Clock; log: Log }): LeaseNotes {
  if (!isUuid(id)) throw new TypeError('the id of a worker is a uuid')
  const identity = { id, pid: process.pid, startedTicks: must(startedTicks(process.pid), 'this process is there') }
  const file = new RecordFile(join(folder, id))
  let trouble = ''
  const attempt = (act: () => void): void => {
    try {
      act()
      if (trouble !== '') log.info('the watchdog can be told of the lease again', { folder })
      trouble = ''
    } catch (error) {
      if (codeOf(error) === '' && !(error instanceof Malformed)) throw error
      const why = codeOf(error) || textOf(error)
      if (trouble === '') log.error('the watchdog cannot be told of the lease', { folder, error: why })
      trouble = `The watchdog cannot be told of the lease (${why}), and stops the guest when the last one it knows ends: ${folder}`
    }
  }
  const write = (lease: LeaseTold): void => {
    makeFolder(folder)
    file.write(leaseJson({ ...lease, ...identity, toldAtMs: clock.nowMs() }))
  }
  const left = noteOf(folder, id, new RareWarning(log, 'the lease of the worker before this one cannot be read'))
  return {
    left: typeof left === 'string' ? null : left,
    tell: (lease) => {
      let paused = false
      attempt(() => {
        write(lease)
        paused = takeMark(markOf(folder, id))
      })
      return paused
    },
    forget: () =>
      attempt(() => {
        file.remove()
        rmSync(markOf(folder, id), { force: true })
      }),
    get trouble() {
      return trouble
    },
  }
}

/** One whose pause is still under way stays: it may come after the unpause that is made now. */
function takeMark(path: string): boolean {
  let state: string
  try {
    state = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  if (state !== UNDER_WAY) rmSync(path, { force: true })
  return true
}

/** The watchdog's side. */
export function leaseFolder(folder: string, log: Log): LeaseFolder {
  makeFolder(folder)
  const last = new Map<string, LeaseNote>()
  const damaged = new RareWarning(log, 'a lease cannot be read; it counts as it last was')
  const mark = (id: string, state: string): void => {
    const path = markOf(folder, id)
    try {
      writeFileSync(`${path}.new`, state, { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch (error) {
      if (codeOf(error) === '') throw error
      log.error('a worker cannot be told that its guest was paused', { worker: id, error: codeOf(error) })
    }
  }
  // The watchdog before this one may have died in the middle of a pause.
  for (const name of readdirSync(folder)) if (name.endsWith('.paused')) mark(name.slice(0, -'.paused'.length), DONE)
  return {
    read: () => {
      const ids = idsIn(folder, damaged)
      if (ids !== null) for (const id of last.keys()) if (!ids.has(id)) last.delete(id)
      for (const id of ids ?? []) {
        const note = noteOf(folder, id, damaged)
        if (note === 'absent') last.delete(id)
        else if (note !== 'damaged') last.set(id, note)
      }
      return [...last.values()]
    },
    paused: (id, state) => mark(id, state === 'under-way' ? UNDER_WAY : DONE),
    destroyed: (id) => {
      try {
        markSelfFenced(folder, id)
      } catch (error) {
        if (codeOf(error) === '') throw error
        log.error('the daemon cannot be told that a guest was destroyed', { worker: id, error: codeOf(error) })
      }
    },
  }
}

/** Null when they cannot be listed: what was known stays. */
function idsIn(folder: string, damaged: RareWarning): ReadonlySet<string> | null {
  try {
    return new Set(readdirSync(folder).filter(isUuid).slice(0, LEASES_MAX))
  } catch (error) {
    if (codeOf(error) === '') throw error
    damaged.happened({ folder, error: textOf(error) })
    return null
  }
}

function noteOf(folder: string, id: string, damaged: RareWarning): LeaseNote | 'absent' | 'damaged' {
  const path = join(folder, id)
  try {
    const record = readRecord(path)
    if (typeof record !== 'string') return leaseOf(id, record.json)
    if (record === 'damaged') damaged.happened({ path, error: 'checksum' })
    return record
  } catch (error) {
    if (codeOf(error) === '' && !(error instanceof Malformed)) throw error
    damaged.happened({ path, error: textOf(error) })
    return 'damaged'
  }
}
