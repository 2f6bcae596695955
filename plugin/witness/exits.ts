import { ClaimLogUnusable } from '../../lib/dom0/witness/claim-log'
import { PoolKeyUnusable } from '../../lib/dom0/witness/pool-keys'
import { processLog } from '../../lib/dom0/process/process-log'
import { textOf } from '../../lib/dom0/system/system-error'
import type { Log } from '../../lib/ports/log'

/** What the process ends with, after one line that says why. */
export const WITNESS_EXITS = {
  stopped: 0,
  badArguments: 64,
  damagedLog: 65,
  portTaken: 69,
  unusableDirectory: 73,
  logBroke: 74,
} as const
type Exit = (typeof WITNESS_EXITS)[keyof typeof WITNESS_EXITS]

/** Null: nothing that an operator can mend. */
export function exitFor(error: unknown): Exit | null {
  if (error instanceof PoolKeyUnusable || error instanceof TypeError) return WITNESS_EXITS.badArguments
  if (!(error instanceof ClaimLogUnusable)) return null
  return error.why === 'damaged' ? WITNESS_EXITS.damagedLog : WITNESS_EXITS.unusableDirectory
}

export function endWith(log: Log, code: Exit, text: string): never {
  log.error(text)
  process.exit(code)
}

/** Prints what an act answers, or ends with the exit that its failure has. */
export async function told(act: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(`${await act()}\n`)
  } catch (error) {
    const code = exitFor(error)
    if (code === null) throw error
    endWith(processLog('witness'), code, textOf(error))
  }
}
