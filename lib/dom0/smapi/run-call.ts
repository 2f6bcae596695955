import { basename } from 'node:path'
import { Refusal, refusalLines } from '../../core/domain/errors'
import type { Ask } from '../api/daemon-client'
import { StorageArguments } from './arguments'

/** By script name. The answer is printed as JSON; what it rejects with becomes the storage error. */
export type StorageCalls = Readonly<Record<string, (args: StorageArguments, ask: Ask, version: string) => Promise<unknown>>>

/** xapi-storage-script sets no limit. Attaching may start a worker and ask the witness; a copy never happens inside a call. */
export const STORAGE_LIMIT_MS = 60_000
/** The longest standard input that is read. */
export const INPUT_BYTES_MAX = 1024 * 1024

export interface StorageAnswer {
  readonly exit: 0 | 1
  readonly output: string
}

/**
 * Runs one SMAPIv3 call. `script` is the path it was started as: `.../volume/<name>/SR.attach`. Never rejects: a failure is
 * printed as code, params and backtrace, with exit status 1.
 */
export async function runStorageCall(
  calls: StorageCalls,
  script: string,
  input: string,
  ask: Ask,
  version: string,
): Promise<StorageAnswer> {
  try {
    const call = callOf(calls, script)
    return { exit: 0, output: JSON.stringify(await call(new StorageArguments(input), ask, version)) }
  } catch (error) {
    return { exit: 1, output: JSON.stringify(storageError(error)) }
  }
}

function callOf(calls: StorageCalls, script: string): StorageCalls[string] {
  const wanted = basename(script).toLowerCase()
  const call = Object.entries(calls).find(([name]) => name.toLowerCase() === wanted)?.[1]
  if (call === undefined) throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: `There is no storage call "${basename(script)}".` })
  return call
}

function storageError(error: unknown): object {
  if (error instanceof Refusal) return errorOf(error.code, refusalLines(error.code, error.facts), error.code)
  const [kind, text] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)]
  return errorOf('SR_BACKEND_FAILURE', [kind, text, ''], kind)
}

const errorOf = (code: string, params: readonly string[], error: string): object => ({
  code,
  params,
  backtrace: { error, files: [], lines: [] },
})
