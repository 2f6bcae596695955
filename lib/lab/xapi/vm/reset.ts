/** Declaring machines and hosts dead. These only correct the database: making sure of the death comes before them. */
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError, type CallContext, type MethodTable, type Ref } from '../../contract'
import { flag, int, list, record, text, texts } from '../../values'
import { updateAll } from './allowed'
import { runHostHook } from './hooks'
import { assertExists, resetPowerState, uuidOf } from './machine'
import { powerState } from './power-state'

/** Asks the host itself; host_metrics.live stays true long after a host has died. */
export async function hostAnswers(call: CallContext, host: Ref): Promise<boolean> {
  const metrics = text(call.db.get('host', host, 'metrics'))
  if (call.db.exists('host_metrics', metrics) && !flag(call.db.get('host_metrics', metrics, 'live'))) return false
  if (host === call.here) return true
  const limit = new AbortController()
  const asked = call
    .agentOf(host)
    .perform('ping', {})
    .then(
      () => true,
      // Any refusal is a sign of life, only silence is not.
      (error: unknown) => error instanceof ApiError && error.code !== 'CANNOT_CONTACT_HOST',
    )
  const silence = wait(call.times.deadHostProbeMs, false, { signal: limit.signal })
  silence.catch(() => undefined)
  try {
    return await Promise.race([asked, silence])
  } finally {
    limit.abort()
  }
}

async function assertNotRunningHere(call: CallContext, vm: Ref): Promise<void> {
  const domains = list(await call.agentOf(call.here).perform('domain.list', {})).map(record)
  const domain = domains.find(({ vmUuid }) => vmUuid === uuidOf(call.db, 'VM', vm))
  if (domain !== undefined) throw new ApiError('DOMAIN_EXISTS', vm, String(int(domain['domid'])))
}

async function powerStateReset(call: CallContext, vm: Ref): Promise<void> {
  const { db } = call
  if (flag(db.get('VM', vm, 'is_control_domain'))) throw new ApiError('CANNOT_RESET_CONTROL_DOMAIN', vm)
  if (['Running', 'Paused'].includes(powerState(db, vm))) {
    const host = text(db.get('VM', vm, 'resident_on'))
    if (host === call.here) await assertNotRunningHere(call, vm)
    else if (db.exists('host', host) && (await hostAnswers(call, host))) throw new ApiError('HOST_IS_LIVE', host)
  }
  resetPowerState(db, vm)
  updateAll(db, vm)
}

async function declareDead(call: CallContext, host: Ref): Promise<void> {
  const { db } = call
  if (host === call.here || (await hostAnswers(call, host))) throw new ApiError('HOST_IS_LIVE', host)
  const here = call.agentOf(call.here)
  await runHostHook(here, 'host-pre-declare-dead', uuidOf(db, 'host', host), 'user')
  for (const vm of texts(db.get('host', host, 'resident_VMs'))) {
    if (flag(db.get('VM', vm, 'is_control_domain'))) continue
    resetPowerState(db, vm)
    updateAll(db, vm)
  }
  db.set('host', host, 'enabled', false)
  await runHostHook(here, 'host-post-declare-dead', uuidOf(db, 'host', host), 'user')
}

export const resetMethods: MethodTable = {
  'VM.power_state_reset': {
    params: [['vm', 'VM ref']],
    run: async (call, [vm]) => {
      assertExists(call.db, 'VM', text(vm))
      await powerStateReset(call, text(vm))
      return ''
    },
  },
  'host.declare_dead': {
    params: [['host', 'host ref']],
    run: async (call, [host]) => {
      assertExists(call.db, 'host', text(host))
      await declareDead(call, text(host))
      return ''
    },
  },
}
