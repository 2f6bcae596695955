/** Starting, stopping, rebooting and pausing machines. */
import { ApiError, type ApiMethod, type CallContext, type MethodTable, type Ref } from '../../contract'
import { flag, int, text } from '../../values'
import { assertExists, setHalted } from './machine'
import { assertAgile, assertCanBootHere, chooseHost, possibleHosts } from './placement'
import { assertOperationValid, powerState } from './power-state'
import { bringDown, bringUp, runAgain } from './run'
import { type Ticket, claimAlone, whileUnderWay } from './under-way'

const VM = ['vm', 'VM ref'] as const
const PAUSED_AND_FORCE = [
  ['start_paused', 'bool'],
  ['force', 'bool'],
] as const

async function start(call: CallContext, vm: Ref, operation: 'start' | 'start_on', host: () => Ref, paused: boolean) {
  assertExists(call.db, 'VM', vm)
  await whileUnderWay(call, vm, operation, async (ticket) => {
    if (flag(call.db.get('VM', vm, 'is_a_template'))) throw new ApiError('VM_IS_TEMPLATE', vm)
    await bringUp(call, vm, { host: host(), paused }, ticket)
  })
  return ''
}

async function cleanShutdown(call: CallContext, vm: Ref, check?: () => void): Promise<void> {
  await whileUnderWay(
    call,
    vm,
    'clean_shutdown',
    (ticket) => bringDown(call, vm, { reason: 'clean-shutdown', gentle: true, again: false }, ticket),
    check,
  )
}

async function hardShutdown(call: CallContext, vm: Ref, check?: () => void): Promise<void> {
  await whileUnderWay(
    call,
    vm,
    'hard_shutdown',
    async (ticket) => {
      claimAlone(call.db, vm, ticket)
      if (powerState(call.db, vm) === 'Suspended') setHalted(call.db, vm)
      else await bringDown(call, vm, { reason: 'hard-shutdown', gentle: false, again: false }, ticket)
    },
    check,
  )
}

/** Neither half of VM.shutdown looks at blocked_operations, as with the real one. */
async function shutdown(call: CallContext, vm: Ref): Promise<void> {
  const check = (): void => assertOperationValid(call, vm, 'shutdown')
  check()
  if (powerState(call.db, vm) === 'Running') {
    try {
      await cleanShutdown(call, vm, check)
      return
    } catch (error) {
      if (!(error instanceof ApiError) || powerState(call.db, vm) === 'Halted') throw error
    }
  }
  await hardShutdown(call, vm, check)
}

async function reboot(call: CallContext, vm: Ref, operation: 'clean_reboot' | 'hard_reboot'): Promise<void> {
  await whileUnderWay(call, vm, operation, async (ticket) => {
    const gentle = operation === 'clean_reboot'
    if (!gentle) claimAlone(call.db, vm, ticket)
    await runAgain(call, vm, { reason: gentle ? 'clean-reboot' : 'hard-reboot', gentle }, ticket)
  })
}

async function pauseOrUnpause(call: CallContext, vm: Ref, operation: 'pause' | 'unpause'): Promise<void> {
  const { db } = call
  await whileUnderWay(call, vm, operation, async (ticket: Ticket) => {
    const domid = int(db.get('VM', vm, 'domid'))
    await call.agentOf(text(db.get('VM', vm, 'resident_on'))).perform(`domain.${operation}`, { domid })
    if (ticket.stillMine()) db.set('VM', vm, 'power_state', operation === 'pause' ? 'Paused' : 'Running')
  })
}

const onVm = (act: (call: CallContext, vm: Ref) => Promise<void>): ApiMethod => ({
  params: [VM],
  run: async (call, [vm]) => {
    assertExists(call.db, 'VM', text(vm))
    await act(call, text(vm))
    return ''
  },
})

export const powerMethods: MethodTable = {
  'VM.start': {
    params: [VM, ...PAUSED_AND_FORCE],
    run: (call, [vm, paused]) => start(call, text(vm), 'start', () => chooseHost(call, text(vm)), flag(paused)),
  },
  'VM.start_on': {
    params: [VM, ['host', 'host ref'], ...PAUSED_AND_FORCE],
    run: (call, [vm, host, paused]) => {
      const chosen = (): Ref => {
        assertCanBootHere(call, text(vm), text(host))
        return text(host)
      }
      return start(call, text(vm), 'start_on', chosen, flag(paused))
    },
  },
  'VM.clean_shutdown': onVm((call, vm) => cleanShutdown(call, vm)),
  'VM.hard_shutdown': onVm((call, vm) => hardShutdown(call, vm)),
  'VM.shutdown': onVm(shutdown),
  'VM.clean_reboot': onVm((call, vm) => reboot(call, vm, 'clean_reboot')),
  'VM.hard_reboot': onVm((call, vm) => reboot(call, vm, 'hard_reboot')),
  'VM.pause': onVm((call, vm) => pauseOrUnpause(call, vm, 'pause')),
  'VM.unpause': onVm((call, vm) => pauseOrUnpause(call, vm, 'unpause')),
  'VM.assert_can_boot_here': {
    params: [VM, ['host', 'host ref']],
    run: (call, [vm, host]) => {
      assertExists(call.db, 'VM', text(vm))
      assertCanBootHere(call, text(vm), text(host))
      return Promise.resolve('')
    },
  },
  'VM.assert_agile': {
    params: [['self', 'VM ref']],
    run: (call, [vm]) => {
      assertExists(call.db, 'VM', text(vm))
      assertAgile(call, text(vm))
      return Promise.resolve('')
    },
  },
  'VM.get_possible_hosts': {
    params: [VM],
    run: (call, [vm]) => {
      assertExists(call.db, 'VM', text(vm))
      return Promise.resolve(possibleHosts(call, text(vm)))
    },
  },
}
