import type { Claim, StoredClaim } from '../../core/domain/claim'
import { CLAIM_LIMITS } from '../../core/domain/claim-request'
import type { HostUuid, VmUuid, VolumeKey } from '../../core/domain/ids'
import { WitnessUnreachable } from '../../ports/witness'
import type { HostParts } from './parts'

/**
 * One claim per pool says who may be its coordinator, kept like a VM's: XAPI without HA has no arbitration, and two members that
 * promoted themselves would each go on with a database of their own. Every host counts as up-to-date: the database is XAPI's.
 */
export class CoordinatorClaim {
  #term: number | null = null

  constructor(private readonly parts: HostParts) {}

  /** This host is the coordinator by its claim, and not only by what its xapi says: a returning one says so for some seconds. */
  get held(): boolean {
    return this.#term !== null
  }

  get #name(): VmUuid {
    return this.parts.config.pool as VmUuid
  }

  /** Called often. The coordinator's daemon renews the claim; it makes or takes it when nobody else keeps it. */
  async keep(isCoordinator: boolean): Promise<void> {
    if (!isCoordinator) {
      this.#term = null
      return
    }
    const { witness, host } = this.parts
    try {
      if (this.#term !== null) {
        const answer = await witness.renew(this.#name, this.#term, host)
        if (!answer.renewed) this.#term = null
        return
      }
      const stored = await witness.read(this.#name)
      if (stored?.claim.holder === host) this.#term = stored.claim.term
      else await this.#take(stored)
    } catch (error) {
      if (!(error instanceof WitnessUnreachable)) throw error
    }
  }

  /** Who won: this host, or the host that has the claim. */
  async elect(instead: HostUuid): Promise<HostUuid | 'unanswered'> {
    const { witness, host } = this.parts
    try {
      const stored = await witness.read(this.#name)
      if (stored !== null && stored.claim.holder !== instead) return stored.claim.holder
      if (await this.#take(stored)) return host
      const now = await witness.read(this.#name)
      return now === null || now.claim.holder === instead ? 'unanswered' : now.claim.holder
    } catch (error) {
      if (error instanceof WitnessUnreachable) return 'unanswered'
      throw error
    }
  }

  async #take(stored: StoredClaim | null): Promise<boolean> {
    const { witness, host } = this.parts
    const term = (stored?.claim.term ?? 0) + 1
    const answer = await witness.compareAndSwap(stored?.revision ?? 0, this.#claim(term), { requireLeaseOver: stored !== null })
    if (answer.stored) this.#term = term
    return answer.stored || answer.current?.claim.holder === host
  }

  #claim(term: number): Claim {
    const { host, config } = this.parts
    const others = (Object.keys(config.hosts) as HostUuid[]).filter((each) => each !== host)
    const hosts = [host, ...others].slice(0, CLAIM_LIMITS.hostsPerDisk)
    const upToDate: Claim['upToDate'] = { [config.pool as VolumeKey]: hosts }
    return { vm: this.#name, term, holder: host, leaseMs: config.leaseMs, upToDate, lockstep: null }
  }
}
