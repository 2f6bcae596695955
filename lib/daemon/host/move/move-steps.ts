import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { MoveEffect, MoveEvent, MoveStep } from '../../../core/failover/move'
import { XapiFailure, type XapiArgument } from '../../../ports/xapi'
import { look } from '../failover/failover-acts'
import type { Fleet } from '../fleet'
import type { HostParts } from '../parts'

/** XAPI waits for a guest longer than that; what it does is looked at then. */
const SHUT_DOWN_MS = 120_000
const START_MS = 60_000
const CHANGE_MS = 5000
const HAND_OVER_MS = 15_000

export type MoveAct = Extract<MoveEffect, { effect: 'look' | 'rest' | MoveStep }>

/** Does what a planned move asks of XAPI and of the VM's worker; what came of it, as the event that the move waits for. */
export async function actForMove(act: MoveAct, vm: VmUuid, parts: HostParts, fleet: Fleet): Promise<MoveEvent> {
  switch (act.effect) {
    case 'rest':
      await parts.timers.pause(act.ms)
      return { type: 'rested' }
    case 'look':
      return xapiStep('look', async () => ({ type: 'looked', seen: await look(vm, parts.xapi) }))
    case 'shut-down':
      return call('shut-down', 'VM.clean_shutdown', [], SHUT_DOWN_MS)
    case 'hand-over':
      return handOver(vm, act.to, fleet)
    case 'start-on':
      parts.timeline.record({
        ...{ vm, act: 'start-called', rule: 'claim-is-held', text: 'VM.start_on is called on this host.' },
        evidence: { host: act.host },
      })
      return call('start-on', 'VM.start_on', [host(act.host), false, false], START_MS)
    case 'set-affinity':
      return call('set-affinity', 'VM.set_affinity', [host(act.host)], CHANGE_MS)
  }

  function call(step: MoveStep, method: string, args: readonly XapiArgument[], deadlineMs: number): Promise<MoveEvent> {
    return xapiStep(step, async () => {
      await parts.xapi.call(method, [{ xapiClass: 'VM', uuid: vm }, ...args], { deadlineMs })
      return { type: 'done', step }
    })
  }
}

const host = (uuid: HostUuid): XapiArgument => ({ xapiClass: 'host', uuid })

async function xapiStep(step: MoveStep | 'look', work: () => Promise<MoveEvent>): Promise<MoveEvent> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    return error.kind === 'xapi-silent' ? { type: 'unanswered', step } : { type: 'not-done', step, why: error.code }
  }
}

async function handOver(vm: VmUuid, to: HostUuid, fleet: Fleet): Promise<MoveEvent> {
  const step = 'hand-over'
  try {
    const answer = await fleet.ask(vm, step, { to }, HAND_OVER_MS)
    return answer.handedOver ? { type: 'done', step } : { type: 'not-done', step, why: answer.why }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'HOLDFAST_TIMED_OUT') return { type: 'unanswered', step }
    return { type: 'not-done', step, why: error.code }
  }
}
