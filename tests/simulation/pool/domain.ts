import type { DomainControl, DomainState } from '../../../lib/ports/domain-control'
import type { Guest } from './guest'
import type { Process } from './process'
import type { Vm } from './vm'

/** A VM on a machine. */
export interface Domain {
  readonly domid: string
  readonly vm: Vm
  /** Null while it is being built. */
  guest: Guest | null
  /** When it was built and let go, on its machine's clock. */
  letGoAtMs: number
  /** Pauses that nobody has taken back. */
  pauses: number
}

const XL_MS = 60

/** What builds a domain takes back its own pause, and no other. */
function holdMore(domain: Domain, by: 1 | -1): void {
  domain.pauses = Math.max(0, domain.pauses + by)
  domain.guest?.pause(domain.pauses > 0)
}

/** What the toolstack's command does goes on when whoever asked for it is gone. */
export function domainControl(process: Process, domains: Map<string, Domain>): DomainControl {
  const { schedule, dice } = process.nature
  const done = async (domid: string, act: (domain: Domain) => void): Promise<void> => {
    const isThere = await process.heard<boolean>((told) =>
      schedule.after(dice.fraction() * XL_MS, () => {
        const domain = domains.get(domid)
        if (domain !== undefined) act(domain)
        told(domain !== undefined)
      }),
    )
    if (!isThere) throw new Error(`no domain ${domid}`)
  }
  const state = (domid: string): Promise<DomainState> =>
    process.heard<DomainState>((told) =>
      schedule.after(dice.fraction() * XL_MS, () => {
        const domain = domains.get(domid)
        told(domain === undefined ? 'gone' : domain.guest?.isPaused === false ? 'running' : 'standing')
      }),
    )
  return {
    state,
    pause: (domid) => done(domid, (domain) => holdMore(domain, 1)),
    unpause: (domid) => done(domid, (domain) => holdMore(domain, -1)),
    destroy: (domid) =>
      done(domid, ({ guest }) => {
        domains.delete(domid)
        guest?.die('it was destroyed')
      }),
  }
}
