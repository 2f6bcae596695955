import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import { WitnessUnreachable } from '../../../ports/witness'
import type { DaemonApi } from '../../../wire/daemon-api'
import type { HolderFenced } from '../../../wire/worker-api'
import type { Catalogue } from '../catalogue'
import { FenceDriver } from './fence-driver'
import type { Membership } from '../membership'
import type { HostParts } from '../parts'
import { readSurely } from '../pool-witness'
import type { SilentHost } from './silent-host'

export interface FencingNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly membership: Membership
  /** Whether a worker of the VM is here, which notes what it agrees to. */
  readonly isNoted: (vm: VmUuid) => boolean
  /** It is proven that the host is off, or for longer than before. */
  readonly proven: (host: HostUuid) => void
}

/** For so long an operator's proof is told to a worker, and again each second: it ends soon after the host is seen. */
const WORD_STANDS_MS = 3000
const ASK_OTHERS_MS = 1000

/** The ladder of each other host of the pool, and what is known for it. */
export class Fencing {
  readonly #hosts = new Map<HostUuid, FenceDriver>()
  readonly #asking = new Set<HostUuid>()
  /** Of the last round of questions about a host. */
  readonly #others = new Map<HostUuid, { readonly asked: readonly HostUuid[]; readonly heardBy: readonly HostUuid[] }>()

  constructor(private readonly needs: FencingNeeds) {
    const { parts, membership, proven } = needs
    const words = new Map(parts.fences.read().map((word) => [word.host, word]))
    for (const host of membership.others)
      this.#hosts.set(host, new FenceDriver(parts, host, words.get(host) ?? null, () => proven(host)))
  }

  of(host: HostUuid): FenceDriver | undefined {
    return this.#hosts.get(host)
  }

  othersOf(host: HostUuid): { readonly asked: readonly HostUuid[]; readonly heardBy: readonly HostUuid[] } {
    return this.#others.get(host) ?? { asked: [], heardBy: [] }
  }

  /** What a worker is told with a request to take over from that host. */
  fenced(host: HostUuid): HolderFenced | undefined {
    const proof = this.#hosts.get(host)?.proof ?? null
    if (proof === null) return undefined
    return { untilMs: proof.voidAtMs ?? this.needs.parts.clock.nowMs() + WORD_STANDS_MS }
  }

  seen(host: HostUuid): void {
    this.#hosts.get(host)?.apply({ on: 'seen' })
  }

  tick(): void {
    for (const host of this.needs.membership.absent) this.#hosts.get(host)?.apply({ on: 'tick' })
  }

  /** Once a second while the host is silent on every link. */
  looked(host: HostUuid, { isHeard, isAtStake }: SilentHost): void {
    const ladder = this.#hosts.get(host)
    if (ladder === undefined) return
    if (isHeard) {
      ladder.apply({ on: 'seen' })
      return
    }
    ladder.apply({ on: 'suspected' })
    ladder.apply({ on: 'at-stake', isAtStake })
    if (!this.#asking.has(host)) void this.#findOut(host, ladder)
  }

  async #findOut(host: HostUuid, ladder: FenceDriver): Promise<void> {
    const { membership } = this.needs
    this.#asking.add(host)
    const answers = await Promise.all(
      membership.others.flatMap((other) => (other !== host && membership.isAlive(other) ? [this.#hears(other, host)] : [])),
    )
    const said = answers.filter((answer) => answer !== null)
    for (const { by, heard } of said) membership.said(host, by, heard)
    const heardBy = said.flatMap(({ by, heard }) => (heard ? [by] : []))
    this.#others.set(host, { asked: said.map(({ by }) => by), heardBy })
    if (!membership.isAlive(host)) {
      ladder.apply({ on: 'others-see', hosts: heardBy })
      if (await this.#holdsNothing(host)) {
        ladder.apply({ on: 'lease-over' })
        membership.leasesOver(host)
      }
    }
    this.#asking.delete(host)
  }

  /** Null when that host cannot be asked. */
  async #hears(by: HostUuid, host: HostUuid): Promise<{ by: HostUuid; heard: boolean } | null> {
    try {
      const { heard } = await this.needs.parts.askPeer(by, 'hears', { host }, ASK_OTHERS_MS)
      return { by, heard }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.needs.parts.log.debug('another host does not say whom it hears', { by, why: error.message })
      return null
    }
  }

  /**
   * Neither a VM's claim nor the pool; false where the witness does not say so. The coordinator waits for a proof even where the pool's
   * claim is not its own: one that came back while its successor was being elected has yet to take it again.
   */
  async #holdsNothing(host: HostUuid): Promise<boolean> {
    const { parts, catalogue } = this.needs
    if (parts.writtenCoordinator() === host) return false
    try {
      const pool = await parts.witness.read(parts.config.pool)
      if (pool?.claim.holder === host) return false
      for (const vm of catalogue.protectedVms()) {
        if (!catalogue.ofVm(vm).some(({ homes }) => homes.includes(host))) continue
        const stored = await readSurely(parts, vm, this.needs.isNoted(vm))
        if (stored?.claim.holder === host) return false
      }
      return true
    } catch (error) {
      if (!(error instanceof WitnessUnreachable)) throw error
      return false
    }
  }
}

/** Peer: whether this host hears that one on any link. */
export const hears = (membership: Membership, { host }: DaemonApi['hears']['ask']): DaemonApi['hears']['answer'] => ({
  heard: membership.isAlive(host as HostUuid),
})
