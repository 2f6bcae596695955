/**
 * The database on disk: one JSON file, replaced whole. A change is on disk within SAVE_DELAY_MS, or when flush() resolves. Sessions
 * and tasks live in memory only: a restart ends them.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Ref, Value } from '../../contract'
import { hasErrno } from '../process/errno'
import { PoolDatabase } from './database'

const SAVE_DELAY_MS = 50
const VOLATILE = new Set(['session', 'task'])
/** A restart skips generations, so that a token from before it finds every object new. */
const RESTART_STEP = 100

export interface Dump {
  readonly generation: number
  readonly rows: readonly { readonly cls: string; readonly ref: Ref; readonly values: { [field: string]: Value } }[]
}

export function dump(db: PoolDatabase): Dump {
  return { generation: db.generation, rows: [...db.rows()].filter(({ cls }) => !VOLATILE.has(cls)) }
}

export function restore(saved: Dump): PoolDatabase {
  const db = new PoolDatabase()
  db.generation = saved.generation + RESTART_STEP
  for (const { cls, ref, values } of saved.rows) {
    // What was under way ended with the process that did it.
    const kept = Object.entries(values).filter(([field]) => field !== 'current_operations')
    db.create(cls, Object.fromEntries(kept), ref)
  }
  return db
}

export function writeDump(path: string, saved: Dump): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, JSON.stringify(saved))
  renameSync(`${path}.new`, path)
}

/** Undefined when there is no file; a broken one throws. */
export function readDump(path: string): Dump | undefined {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
  const saved: unknown = JSON.parse(text)
  if (!isDump(saved)) throw new Error(`${path} is not a database of the lab`)
  return saved
}

export function isDump(value: unknown): value is Dump {
  return typeof value === 'object' && value !== null && 'generation' in value && 'rows' in value && Array.isArray(value.rows)
}

export class StateFile {
  private timer: NodeJS.Timeout | undefined
  private readonly stop: () => void

  constructor(
    private readonly db: PoolDatabase,
    private readonly path: string,
  ) {
    this.stop = db.onChange((cls) => {
      if (!VOLATILE.has(cls)) this.timer ??= setTimeout(() => this.flush(), SAVE_DELAY_MS)
    })
  }

  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    writeDump(this.path, dump(this.db))
  }

  close(): void {
    this.stop()
    this.flush()
  }
}
