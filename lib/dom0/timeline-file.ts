import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { HostUuid } from '../core/domain/ids'
import { oldestFirst, type TimelineEntry } from '../core/domain/timeline'
import type { TimelinePort } from '../ports/timeline'
import { codeOf } from './system-error'

/** Some ten thousand entries; the file before it is kept, so the last acts are always there. */
const FILE_BYTES_MAX = 4 * 1024 * 1024

/** One writer's file of JSON lines. */
export function timelineFile(path: string, host: HostUuid): TimelinePort {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let descriptor = openSync(path, 'a', 0o600)
  return {
    record: (entry) => {
      if (statSync(path).size > FILE_BYTES_MAX) {
        closeSync(descriptor)
        renameSync(path, `${path}.1`)
        descriptor = openSync(path, 'a', 0o600)
      }
      const line: TimelineEntry = { at: new Date().toISOString(), host, ...entry }
      writeSync(descriptor, `${JSON.stringify(line)}\n`)
      fdatasyncSync(descriptor)
    },
  }
}

/** All entries of all writers of this host, oldest first. A line torn by a crash is left out. */
export function readTimeline(folder: string): TimelineEntry[] {
  return filesIn(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .flatMap(entryOf)
    .sort(oldestFirst)
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

function entryOf(line: string): TimelineEntry[] {
  try {
    const value: unknown = JSON.parse(line)
    return isEntry(value) ? [value] : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

const isEntry = (value: unknown): value is TimelineEntry =>
  typeof value === 'object' &&
  value !== null &&
  'at' in value &&
  typeof value.at === 'string' &&
  'act' in value &&
  'rule' in value
