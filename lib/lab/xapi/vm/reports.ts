/** What hosts tell the coordinator: a guest ended by itself, or a host's toolstack started and says what it finds running. */
import { type CallContext, type HostOperations, NULL_REF, type Ref } from '../../contract'
import { type Members, flag, int, list, record, text, texts } from '../../values'
import { pluggedAt } from '../storage/pbd'
import { updateAll } from './allowed'
import { ranForMs, resetPowerState, setHalted, setLive, setResident } from './machine'
import { powerState } from './power-state'
import { runAgain } from './run'
import { forgetReservation, showArrived, standbyReports } from './standby-pool'
import { quiet, whileUnderWay } from './under-way'

/** A guest that crashes this soon after its start would crash for ever: it is not started again. */
const CRASH_LOOP_MS = 120_000

const startsAgain = (call: CallContext, vm: Ref, end: string): boolean => {
  const action = (field: string): boolean => text(call.db.get('VM', vm, field)).endsWith('restart')
  if (end === 'shutdown') return action('actions_after_shutdown')
  if (end === 'reboot') return action('actions_after_reboot')
  return action('actions_after_crash') && ranForMs(call.db, vm) > CRASH_LOOP_MS
}

/** No hook runs for a guest that shut itself down; one that reboots gets those of a hard reboot. */
async function guestEnded(call: CallContext, host: Ref, { vmUuid, domid, end }: Members): Promise<void> {
  const { db } = call
  const vm = db.byUuid('VM', text(vmUuid))
  if (vm === undefined) return
  const concerned = (): boolean =>
    db.exists('VM', vm) && db.get('VM', vm, 'resident_on') === host && db.get('VM', vm, 'domid') === domid
  const destroyDomain = async (): Promise<void> => {
    await call.agentOf(host).perform('domain.destroy', { domid: int(domid) })
  }
  await quiet(db, vm)
  if (!concerned()) return
  if (startsAgain(call, vm, text(end))) {
    const again = { reason: 'hard-reboot', gentle: false } as const
    await whileUnderWay(
      call,
      vm,
      'hard_reboot',
      (ticket) => runAgain(call, vm, again, ticket),
      () => undefined,
    )
    return
  }
  await destroyDomain()
  if (!concerned()) return
  setHalted(db, vm)
  updateAll(db, vm)
}

/** Answers the domids that must be destroyed because the database has their machines elsewhere, or does not know them. */
function hostStarted(call: CallContext, host: Ref, domains: readonly Members[], standbys: readonly string[]): number[] {
  const { db } = call
  for (const vm of db.refs('VM')) if (!standbys.includes(text(db.get('VM', vm, 'uuid')))) forgetReservation(call, host, vm)
  const found = new Map(domains.map((domain) => [text(domain['vmUuid']), domain]))
  for (const vm of texts(db.get('host', host, 'resident_VMs'))) {
    if (flag(db.get('VM', vm, 'is_control_domain')) || found.has(text(db.get('VM', vm, 'uuid')))) continue
    resetPowerState(db, vm)
    updateAll(db, vm)
  }
  const destroy: number[] = []
  for (const [uuid, domain] of found) {
    const vm = db.byUuid('VM', uuid)
    const resident = vm === undefined ? undefined : text(db.get('VM', vm, 'resident_on'))
    const nowhere = vm !== undefined && resident === NULL_REF && powerState(db, vm) === 'Halted'
    if (vm !== undefined && flag(domain['arrived'] ?? false)) {
      showArrived(call, host, vm, { domid: int(domain['domid']), paused: flag(domain['paused']) })
    } else if (vm !== undefined && (resident === host || nowhere)) {
      setResident(db, vm, host)
      setLive(db, vm, int(domain['domid']), flag(domain['paused']) ? 'Paused' : 'Running')
      updateAll(db, vm)
    } else destroy.push(int(domain['domid']))
  }
  db.set('host', host, 'enabled', true)
  return destroy
}

/** A new process has nothing attached; one that only changed its role still has what it had. */
function notePlugged({ db }: CallContext, host: Ref, repositories: readonly string[]): void {
  for (const pbd of texts(db.get('host', host, 'PBDs'))) {
    const uuid = text(db.get('SR', text(db.get('PBD', pbd, 'SR')), 'uuid'))
    db.set('PBD', pbd, 'currently_attached', repositories.includes(uuid))
  }
}

/** To be merged into the coordinator's operations; `call` gives a context of its own, without a caller's session. */
export function createCoordinatorOperations(call: () => CallContext): HostOperations {
  const hostOf = (context: CallContext, args: Members): Ref => {
    const host = context.db.byUuid('host', text(args['host']))
    if (host === undefined) throw new Error(`no host ${text(args['host'])} in the database`)
    return host
  }
  return {
    ...standbyReports((args) => {
      const context = call()
      return { call: context, host: hostOf(context, args) }
    }),
    'guest.ended': async (args) => {
      const context = call()
      await guestEnded(context, hostOf(context, args), args)
      return ''
    },
    'host.started': (args) => {
      const context = call()
      const host = hostOf(context, args)
      notePlugged(context, host, texts(args['repositories']))
      return Promise.resolve({
        destroy: hostStarted(context, host, list(args['domains']).map(record), texts(args['standbys'] ?? [])),
      })
    },
    /** Plugs what the host has not plugged yet; answers whether everything is. */
    'host.plug-storage': async (args) => {
      const context = call()
      return pluggedAt(context, hostOf(context, args))
    },
  }
}
