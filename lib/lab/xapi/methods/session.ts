import type { XapiMethodTable } from '../call/method'

export const sessionMethods: XapiMethodTable = {
  'session.logout': {
    params: [],
    syncOnly: true,
    run: ({ coordinator, session }) => {
      coordinator.sessions.close(session)
      return ''
    },
  },
  // There are no subjects but root.
  'session.get_all_subject_identifiers': { params: [], syncOnly: true, run: () => [] },
}
