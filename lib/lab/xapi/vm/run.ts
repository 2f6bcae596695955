/** A machine's way up and down on its host, with its hooks, and what the database shows at each step. */
import { ApiError, type CallContext, type Ref } from '../../contract'
import { int, text } from '../../values'
import { type ShutdownReason, runVmHook } from './hooks'
import {
  assertDiskFree,
  domainArguments,
  filledVbds,
  noteStart,
  setAttached,
  setHalted,
  setLive,
  setResident,
  uuidOf,
} from './machine'
import { type Ticket } from './under-way'

/** How long a guest may take to shut down when it is asked to (XAPI's default is 1200 s; a guest of the lab needs seconds). */
const SHUTDOWN_LIMIT_MS = 120_000
/** What the task of an operation shows once its first part is done. */
const HALFWAY = 0.5

export interface Start {
  readonly host: Ref
  readonly paused: boolean
}

/** Builds the domain on the host and lets it run. If that fails the machine is halted and nothing of it is left. */
export async function bringUp(call: CallContext, vm: Ref, { host, paused }: Start, ticket: Ticket): Promise<void> {
  const { db } = call
  const agent = call.agentOf(host)
  for (const vbd of filledVbds(db, vm)) assertDiskFree(db, vbd)
  db.set('VM', vm, 'scheduled_to_be_resident_on', host)
  try {
    await runVmHook(agent, 'vm-pre-start', uuidOf(db, 'VM', vm), 'none')
    const domid = int(await agent.perform('domain.create', domainArguments(db, vm)))
    try {
      if (!ticket.stillMine()) throw new ApiError('INTERNAL_ERROR', 'the machine was reset while it was being started')
      setResident(db, vm, host)
      call.setProgress(HALFWAY)
      if (!paused) await agent.perform('domain.unpause', { domid })
      if (!ticket.stillMine()) throw new ApiError('INTERNAL_ERROR', 'the machine was reset while it was being started')
      setLive(db, vm, domid, paused ? 'Paused' : 'Running')
      noteStart(db, vm)
    } catch (error) {
      await agent.perform('domain.destroy', { domid })
      throw error
    }
  } catch (error) {
    if (ticket.stillMine()) setHalted(db, vm)
    throw error
  }
}

export interface Stop {
  readonly reason: ShutdownReason
  /** Whether the guest is asked; otherwise its power is cut. */
  readonly gentle: boolean
  /** A reboot: the machine stays Running and resident. */
  readonly again: boolean
}

/** Takes the domain down. Answers false when another operation did so meanwhile. */
export async function bringDown(call: CallContext, vm: Ref, stop: Stop, ticket: Ticket): Promise<boolean> {
  const { db } = call
  const uuid = uuidOf(db, 'VM', vm)
  const domid = int(db.get('VM', vm, 'domid'))
  const agent = call.agentOf(text(db.get('VM', vm, 'resident_on')))
  const askGuest = async (): Promise<void> => {
    try {
      await agent.perform('domain.shutdown', { domid, timeoutMs: SHUTDOWN_LIMIT_MS })
    } catch (error) {
      // The guest does not matter any more when its power was cut meanwhile.
      if (!ticket.stillMine()) return
      if (!(error instanceof ApiError) || error.code !== 'VM_SHUTDOWN_TIMEOUT') throw error
      throw new ApiError(error.code, vm, String(SHUTDOWN_LIMIT_MS / 1000))
    }
  }
  // The real one asks a guest that reboots before this hook, one that shuts down after it.
  if (stop.gentle && stop.again) await askGuest()
  if (!ticket.stillMine()) return false
  await runVmHook(agent, 'vm-pre-shutdown', uuid, stop.reason)
  if (stop.gentle && !stop.again) await askGuest()
  if (!ticket.stillMine()) return false
  try {
    call.setProgress(HALFWAY)
    await agent.perform('domain.destroy', { domid })
    await runVmHook(agent, 'vm-post-destroy', uuid, stop.reason)
    if (stop.again) await runVmHook(agent, 'vm-pre-reboot', uuid, 'none')
  } catch (error) {
    if (ticket.stillMine() && !hostUnreachable(error)) setHalted(db, vm)
    throw error
  }
  if (!ticket.stillMine()) return false
  if (!stop.again) setHalted(db, vm)
  return true
}

const hostUnreachable = (error: unknown): boolean => error instanceof ApiError && error.code === 'CANNOT_CONTACT_HOST'

/** Down and up again on the same host. */
export async function runAgain(call: CallContext, vm: Ref, stop: Omit<Stop, 'again'>, ticket: Ticket): Promise<void> {
  const host = text(call.db.get('VM', vm, 'resident_on'))
  if (!(await bringDown(call, vm, { ...stop, again: true }, ticket))) return
  setAttached(call.db, vm, false)
  await bringUp(call, vm, { host, paused: false }, ticket)
}
