import type { DomainControl } from '../../ports/domain-control'
import { stateIn } from './xen-fence'
import { runXl } from './xl-call'

const run = async (verb: string, domid: string): Promise<void> => {
  await runXl('xl', verb, domid)
}

/** Xen's own tool: works while XAPI is blocked by a dead coordinator. Rejects with the tool's message. */
export const xl: DomainControl = {
  state: async (domid) => stateIn(await runXl('xl', 'list'), domid),
  pause: (domid) => run('pause', domid),
  unpause: (domid) => run('unpause', domid),
  destroy: (domid) => run('destroy', domid),
}
