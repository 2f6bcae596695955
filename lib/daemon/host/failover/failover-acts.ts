import { hostUuid, isUuid, type HostUuid, type VmUuid } from '../../../core/domain/ids'
import type { FailoverEffect, Seen } from '../../../core/failover/effects'
import type { FailoverEvent } from '../../../core/failover/failover'
import { XapiFailure, type XapiArgument, type XapiPort, type XapiValue } from '../../../ports/xapi'

export type XapiEffect = Exclude<FailoverEffect, { effect: 'record' | 'alert' | 'take-over' | 'elect-coordinator' }>

/**
 * Deadlines of ours. A look on a member blocks while the coordinator is dead, so its silence is the news. A reset asks the dead
 * host first (2 to 9 s on a real xapi). A start boots a guest's devices and runs hooks.
 */
const DEADLINE_MS = { ask: 1500, look: 1500, reset: 20_000, start: 60_000, change: 5000, promote: 2000, recover: 30_000 } as const

/** Does what a failover asks of XAPI; the answer, or the lack of one, as the event that it waits for. Null: it waits for none. */
export async function actOnXapi(
  effect: XapiEffect,
  xapi: XapiPort,
  /** Whether a guest on this host uses the VM's disks; null: not known. */
  servedHere: (vm: VmUuid) => Promise<boolean | null>,
): Promise<FailoverEvent | null> {
  switch (effect.effect) {
    case 'ask-coordinator':
      return (
        (await settled(async () => ({ type: 'coordinator-is', host: await coordinatorOf(xapi) }))) ?? {
          type: 'coordinator-silent',
        }
      )
    case 'promote-coordinator':
      return promote(xapi)
    case 'recover-slaves':
      await settled(async () => xapi.call('pool.recover_slaves', [], { deadlineMs: DEADLINE_MS.recover }))
      return null
    case 'look':
      return step(effect.vm, 'look', async () => ({
        type: 'looked',
        vm: effect.vm,
        seen: await look(effect.vm, xapi),
        servedHere: await servedHere(effect.vm),
      }))
    case 'reset-power-state':
      return change(effect.vm, effect.effect, xapi, 'VM.power_state_reset', [], DEADLINE_MS.reset)
    case 'start-on':
      return change(effect.vm, effect.effect, xapi, 'VM.start_on', [host(effect.host), false, false], DEADLINE_MS.start)
    case 'set-affinity':
      return change(effect.vm, effect.effect, xapi, 'VM.set_affinity', [host(effect.host)], DEADLINE_MS.change)
  }
}

type StepName = Extract<FailoverEvent, { type: 'xapi-silent' }>['step']

const host = (uuid: HostUuid): XapiArgument => ({ xapiClass: 'host', uuid })

const change = (vm: VmUuid, name: StepName, xapi: XapiPort, method: string, args: readonly XapiArgument[], deadlineMs: number) =>
  step(vm, name, async () => {
    await xapi.call(method, [{ xapiClass: 'VM', uuid: vm }, ...args], { deadlineMs })
    return { type: 'xapi-answered', vm, step: name }
  })

async function step(vm: VmUuid, name: StepName, work: () => Promise<FailoverEvent>): Promise<FailoverEvent> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    if (error.kind === 'xapi-silent') return { type: 'xapi-silent', vm, step: name }
    return { type: 'xapi-failed', vm, step: name, code: error.code }
  }
}

async function promote(xapi: XapiPort): Promise<FailoverEvent> {
  try {
    await xapi.call('pool.emergency_transition_to_master', [], { deadlineMs: DEADLINE_MS.promote, where: 'local' })
    return { type: 'promote-answered' }
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    return error.kind === 'xapi-silent' ? { type: 'promote-silent' } : { type: 'promote-failed', code: error.code }
  }
}

/** XAPI's record of a VM as it is now. Rejects with XapiFailure. */
export async function look(vm: VmUuid, xapi: XapiPort): Promise<Seen> {
  const record = await xapi
    .call('VM.get_record', [{ xapiClass: 'VM', uuid: vm }], { deadlineMs: DEADLINE_MS.look })
    .catch(nullIfGone)
  if (record === null) return null
  const powerState = member(record, 'power_state')
  const resident = member(record, 'resident_on')
  const operations = member(record, 'current_operations')
  if (powerState !== 'Halted' && powerState !== 'Paused' && powerState !== 'Running' && powerState !== 'Suspended') {
    throw new XapiFailure('xapi-error', 'VM.get_record', 'ODD_POWER_STATE')
  }
  return {
    powerState,
    residentOn: resident === NULL_REF ? null : await uuidOfHost(resident, xapi),
    operations: typeof operations === 'object' && operations !== null ? Object.values(operations).map(String) : [],
  }
}

const NULL_REF = 'OpaqueRef:NULL'

function nullIfGone(error: unknown): null {
  if (error instanceof XapiFailure && (error.code === 'UUID_INVALID' || error.code === 'HANDLE_INVALID')) return null
  throw error
}

/** Asked of XAPI itself, not taken from the view: that may be from before. */
async function coordinatorOf(xapi: XapiPort): Promise<HostUuid> {
  const pools = await xapi.call('pool.get_all_records', [], { deadlineMs: DEADLINE_MS.ask })
  const [pool] = typeof pools === 'object' && pools !== null ? Object.values(pools) : []
  return uuidOfHost(member(pool ?? null, 'master'), xapi)
}

async function uuidOfHost(ref: XapiValue, xapi: XapiPort): Promise<HostUuid> {
  const uuid = await xapi.call('host.get_uuid', [ref], { deadlineMs: DEADLINE_MS.ask })
  if (typeof uuid !== 'string' || !isUuid(uuid)) throw new XapiFailure('xapi-error', 'host.get_uuid', 'ODD_UUID')
  return hostUuid(uuid)
}

const member = (record: XapiValue, name: string): XapiValue => {
  const found = typeof record === 'object' && record !== null ? Object.entries(record).find(([key]) => key === name) : undefined
  return found === undefined ? null : found[1]
}

/** Null when XAPI failed or kept silent; anything else goes up. */
async function settled<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof XapiFailure) return null
    throw error
  }
}
