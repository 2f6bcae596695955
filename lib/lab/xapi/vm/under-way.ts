/**
 * One operation at a time per machine. Another one waits for its turn and is then judged by the state it finds (so the second of two
 * starts fails with VM_BAD_POWER_STATE). Only a forced shutdown or reboot goes ahead beside a gentle one. power_state_reset takes
 * an operation away from its owner: what hangs on a dead host must not touch the machine when it comes back to life.
 */
import { randomUUID } from 'node:crypto'
import { type CallContext, type Database, NULL_REF, type Ref } from '../../contract'
import { textMap } from '../../values'
import { updateAll, updateVm } from './allowed'
import { type VmOperation, assertOperationValid } from './power-state'

/** Woken when an operation on the machine ends. */
const sleepers = new WeakMap<Database, Map<Ref, (() => void)[]>>()

function sleepersOf(db: Database, vm: Ref): (() => void)[] {
  const all = sleepers.get(db) ?? new Map<Ref, (() => void)[]>()
  sleepers.set(db, all)
  const here = all.get(vm) ?? []
  all.set(vm, here)
  return here
}

function wake(db: Database, vm: Ref): void {
  for (const resume of sleepersOf(db, vm).splice(0)) resume()
}

const sleep = (db: Database, vm: Ref): Promise<void> =>
  new Promise((resume) => {
    sleepersOf(db, vm).push(resume)
  })

const FORCED: readonly string[] = ['hard_shutdown', 'hard_reboot']

function mustWait(underWay: readonly string[], operation: string): boolean {
  if (underWay.length === 0) return false
  return !FORCED.includes(operation) || underWay.some((other) => FORCED.includes(other))
}

const underWay = (db: Database, vm: Ref): string[] => Object.values(textMap(db.get('VM', vm, 'current_operations')))

/** Resolves when nothing is under way on the machine. */
export async function quiet(db: Database, vm: Ref): Promise<void> {
  while (db.exists('VM', vm) && underWay(db, vm).length > 0) await sleep(db, vm)
}

export interface Ticket {
  readonly operation: string
  /** False when the machine was reset, or forced down, over this operation's head: it must leave the database alone. */
  stillMine(): boolean
}

/** Waits its turn, checks, runs `act` with the operation recorded, and puts allowed_operations in order afterwards. */
export async function whileUnderWay<T>(
  call: Pick<CallContext, 'db' | 'task'>,
  vm: Ref,
  operation: VmOperation,
  act: (ticket: Ticket) => Promise<T>,
  check: () => void = () => assertOperationValid(call, vm, operation),
): Promise<T> {
  const { db } = call
  check()
  while (mustWait(underWay(db, vm), operation)) {
    await sleep(db, vm)
    check()
  }
  const key = call.task === NULL_REF || call.task === '' ? `OpaqueRef:${randomUUID()}` : call.task
  const operations = (): Record<string, string> => textMap(db.get('VM', vm, 'current_operations'))
  db.set('VM', vm, 'current_operations', { ...operations(), [key]: operation })
  updateVm(db, vm)
  const stillMine = (): boolean => db.exists('VM', vm) && key in operations()
  try {
    return await act({ operation: key, stillMine })
  } finally {
    if (stillMine()) {
      db.set('VM', vm, 'current_operations', Object.fromEntries(Object.entries(operations()).filter(([other]) => other !== key)))
      updateAll(db, vm)
    }
    wake(db, vm)
  }
}

/** A forced operation takes the machine from the gentle one that is still waiting for the guest. */
export function claimAlone(db: Database, vm: Ref, ticket: Ticket): void {
  const operations = textMap(db.get('VM', vm, 'current_operations'))
  db.set('VM', vm, 'current_operations', { [ticket.operation]: operations[ticket.operation] ?? '' })
}

/** Forgets every operation under way on the machine; their owners notice by stillMine(). */
export function takeAway(db: Database, vm: Ref): void {
  db.set('VM', vm, 'current_operations', {})
  wake(db, vm)
}
