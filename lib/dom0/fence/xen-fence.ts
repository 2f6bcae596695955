import type { DomainState } from '../../ports/domain-control'
import type { DomainFence } from '../../ports/domain-fence'
import { runXl } from './xl-call'

/** Stops domains with Xen's own `xl`, which works while XAPI is blocked. Each call of it begins at once and is bounded. */
export function xenFence(executable = 'xl'): DomainFence {
  const xl = (...argv: string[]): Promise<string> => runXl(executable, ...argv)

  /** Those who ask in one turn share one look; it begins after the last of them asked. */
  let shared: Promise<string> | null = null
  const looked = (): Promise<string> => {
    shared ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      shared = null
      return xl('list')
    })
    return shared
  }
  const state = async (domid: string): Promise<DomainState> => stateIn(await looked(), domid)

  return {
    state,
    pause: async (domid) => {
      await xl('pause', domid)
    },
    destroy: async (domid) => {
      await xl('destroy', domid)
    },
  }
}

/** Name, id, memory, vCPUs, state, seconds; a name may hold blanks. */
const ROW = /^(.*?)\s+(\d+)\s+\d+\s+\d+\s+([-rbpscd]{6})\s+[\d.]+\s*$/

/** Throws when this is no list: an empty answer must not read as nobody there. */
export function stateIn(list: string, domid: string): DomainState {
  if (!/^Name\s+ID\s/m.test(list)) throw new Error(`xl list: no list: ${list.slice(0, 200)}`)
  for (const line of list.split('\n')) {
    const [, name, id, flags = ''] = ROW.exec(line) ?? []
    if (name === undefined || (id !== domid && name !== domid)) continue
    if (flags.includes('d')) return 'gone'
    return /[psc]/.test(flags) ? 'standing' : 'running'
  }
  return 'gone'
}
