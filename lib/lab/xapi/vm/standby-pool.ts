/** The coordinator's part in machines that stand by: what they are to be like, their memory's reservation, and where a VM is once one runs. */
import { ApiError, type CallContext, type HostOperations, NULL_REF, type Ref } from '../../contract'
import { type Members, flag, int, record, text } from '../../values'
import { updateAll } from './allowed'
import { diskArguments, filledVbds, nicArguments, setLive, setResident, vifsOf } from './machine'
import { assertCanBootHere } from './placement'
import { powerState } from './power-state'
import { takeAway } from './under-way'

const vmOf = ({ db }: CallContext, uuid: string): Ref => {
  const vm = db.byUuid('VM', uuid)
  if (vm === undefined) throw new ApiError('UUID_INVALID', 'VM', uuid)
  return vm
}

const disksOf = ({ db }: CallContext, vm: Ref): Members[] =>
  filledVbds(db, vm).map((vbd) => ({
    ...diskArguments(db, vbd),
    bytes: int(db.get('VDI', text(db.get('VBD', vbd, 'VDI')), 'virtual_size')),
  }))

/** As for a migration, the memory is the VM's on the other host from here on. */
async function describe(call: CallContext, host: Ref, vm: Ref): Promise<Members> {
  const { db } = call
  const resident = text(db.get('VM', vm, 'resident_on'))
  if (powerState(db, vm) !== 'Running' || resident === NULL_REF)
    throw new ApiError('VM_BAD_POWER_STATE', vm, 'running', powerState(db, vm))
  if (resident === host) throw new ApiError('VM_MIGRATE_FAILED', vm, '', '', 'it runs on this host')
  forgetReservation(call, host, vm)
  assertCanBootHere(call, vm, host)
  const machine = record(await call.agentOf(resident).perform('domain.describe', { domid: int(db.get('VM', vm, 'domid')) }))
  db.set('VM', vm, 'scheduled_to_be_resident_on', host)
  // Some may have been plugged in since it was built.
  const nics = vifsOf(db, vm).map((vif) => nicArguments(db, vif))
  return { likeness: { ...machine, nics }, disks: disksOf(call, vm) }
}

export function forgetReservation({ db }: CallContext, host: Ref, vm: Ref): void {
  const isReserved = db.get('VM', vm, 'scheduled_to_be_resident_on') === host && powerState(db, vm) === 'Running'
  if (isReserved) db.set('VM', vm, 'scheduled_to_be_resident_on', NULL_REF)
}

/** Where it was cannot be asked any more, and what was under way there is over. */
export function showArrived({ db }: CallContext, host: Ref, vm: Ref, domain: { domid: number; paused: boolean }): void {
  takeAway(db, vm)
  setResident(db, vm, host)
  setLive(db, vm, domain.domid, domain.paused ? 'Paused' : 'Running')
  updateAll(db, vm)
}

/** `called` gives a context, and the host that the arguments name. */
export function standbyReports(called: (args: Members) => { call: CallContext; host: Ref }): HostOperations {
  return {
    'standby.describe': async (args) => {
      const { call, host } = called(args)
      return describe(call, host, vmOf(call, text(args['vm'])))
    },
    'standby.ended': (args) => {
      const { call, host } = called(args)
      forgetReservation(call, host, vmOf(call, text(args['vm'])))
      return Promise.resolve('')
    },
    'vm.arrived': (args) => {
      const { call, host } = called(args)
      const vm = call.db.byUuid('VM', text(args['vmUuid']))
      // Its record was destroyed meanwhile; the next start of the host's toolstack ends the domain.
      if (vm === undefined) return Promise.resolve({ disks: [] })
      showArrived(call, host, vm, { domid: int(args['domid']), paused: flag(args['paused']) })
      return Promise.resolve({ disks: disksOf(call, vm) })
    },
  }
}
