import { text } from '../../values'
import type { XapiMethodTable } from '../call/method'

export const poolMethods: XapiMethodTable = {
  // Answers for the host that was asked, whichever is named.
  'pool.is_slave': { params: [['host', 'host ref']], syncOnly: true, run: () => false },
  'pool.sync_database': {
    params: [],
    run: async ({ coordinator }) => {
      await coordinator.parts.pool.syncDatabase()
      return ''
    },
  },
  'pool.recover_slaves': { params: [], run: ({ coordinator }) => coordinator.parts.pool.recoverMembers() },
  // Already the coordinator: nothing to do.
  'pool.emergency_transition_to_master': { params: [], syncOnly: true, run: () => '' },
  'pool.emergency_reset_master': {
    params: [['master_address', 'string']],
    syncOnly: true,
    run: ({ coordinator }, [address]) => {
      coordinator.parts.pool.resetCoordinator(text(address))
      return ''
    },
  },
}
