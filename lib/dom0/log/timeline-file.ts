import { readFileSync, readdirSync } from 'node:fs'
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { HostUuid } from '../../core/domain/ids'
import { oldestFirst, type TimelineEntry } from '../../core/domain/timeline'
import type { Log } from '../../ports/log'
import type { TimelinePort } from '../../ports/timeline'
import { LineQueue } from './line-queue'
import { codeOf } from '../system/system-error'

/** Some ten thousand entries; the file before it is kept, so the last acts are always there. */
const FILE_BYTES_MAX = 4 * 1024 * 1024
const NEW_LINE = 10

/** One writer's file of JSON lines, each on stable storage some milliseconds after it was recorded. */
export class TimelineFile implements TimelinePort {
  readonly #queue: LineQueue
  #told = ''

  constructor(
    private readonly path: string,
    private readonly host: HostUuid,
    private readonly log: Log,
    againAfterMs?: number,
  ) {
    this.#queue = new LineQueue({
      write: (lines) => this.#write(lines),
      lost: (count, error) => this.#lineOf(entriesLost(count, error)),
      nowMs: () => performance.now(),
      ...(againAfterMs === undefined ? {} : { againAfterMs }),
    })
  }

  record(entry: Omit<TimelineEntry, 'at' | 'host'>): void {
    this.#queue.add(this.#lineOf(entry))
  }

  /** One sentence for the operator; empty while entries are written as they come. */
  get trouble(): string {
    const why = this.#queue.trouble
    return why === '' ? '' : `The timeline cannot be written (${why}): ${this.path}`
  }

  /** Before the process ends: resolves when all is written, cannot be written now, or the limit is over. */
  rest(limitMs: number): Promise<void> {
    return this.#queue.rest(limitMs)
  }

  #lineOf(entry: Omit<TimelineEntry, 'at' | 'host'>): string {
    const line: TimelineEntry = { at: new Date().toISOString(), host: this.host, ...entry }
    return `${JSON.stringify(line)}\n`
  }

  async #write(lines: readonly string[]): Promise<void> {
    try {
      await append(this.path, lines.join(''))
      if (this.#told !== '') this.log.info('the timeline is written again', { path: this.path })
      this.#told = ''
    } catch (error) {
      const why = codeOf(error)
      if (this.#told !== why) this.log.error('the timeline cannot be written', { path: this.path, error: why })
      this.#told = why
      throw error
    }
  }
}

const entriesLost = (count: number, error: string): Omit<TimelineEntry, 'at' | 'host'> => ({
  vm: null,
  act: 'timeline-entries-lost',
  rule: 'timeline-not-written',
  text: `${count} entries of the timeline were dropped, because it could not be written for too long.`,
  evidence: { entries: count, error },
})

/** Opened each time: an operator who makes room may have moved the file away. */
async function append(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  let file = await open(path, 'a+', 0o600)
  try {
    let { size } = await file.stat()
    if (size > FILE_BYTES_MAX) {
      await file.close()
      await rename(path, `${path}.1`)
      file = await open(path, 'a+', 0o600)
      size = 0
    }
    // What a crash tore must not take the next entry with it.
    const first = (await isTorn(file, size)) ? '\n' : ''
    try {
      await file.appendFile(`${first}${text}`)
      await file.datasync()
    } catch (error) {
      // It is written once more, from the start.
      await file.truncate(size)
      throw error
    }
  } finally {
    await file.close()
  }
}

async function isTorn(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false
  const last = Buffer.alloc(1)
  await file.read(last, 0, 1, size - 1)
  return last[0] !== NEW_LINE
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
