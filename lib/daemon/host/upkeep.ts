import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid, VolumeKey } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import { WitnessUnreachable } from '../../ports/witness'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import type { Fleet } from './fleet'
import { homesOf } from './homes'
import { hostNameOf } from './names'
import type { LockstepLevel } from './lockstep/lockstep-level'
import type { Moves } from './move/move'
import type { HostParts } from './parts'
import type { Protection } from './protection'
import type { PutAway } from './put-away'
import type { RanHere } from './failover/ran-here'
import type { FormerHome } from './reprotect/former-home'
import { release } from './secondary-duty'

export interface UpkeepNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly lockstep: LockstepLevel
  readonly protection: Protection
  readonly moves: Moves
  readonly putAway: PutAway
  readonly ran: RanHere
  readonly formerHome: FormerHome
  readonly isAlive: (host: HostUuid) => boolean
  /** Guests of these hosts are kept in lockstep here. */
  readonly awaits: (hosts: ReadonlySet<HostUuid>) => void
}

/** A link that has just gone down usually comes back by itself; after this many looks the peer's worker is asked for again. */
const LOOKS_BEFORE_PAIRING = 3

/** Once a second, back to what the catalogue wants: workers run, pairs are connected, what came back is adopted. */
export class Upkeep {
  readonly #unpaired = new Map<VmUuid, number>()
  readonly #failed = new Set<VolumeKey>()
  #busy = false

  constructor(private readonly needs: UpkeepNeeds) {}

  async turn(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      await this.needs.fleet.upkeep()
      const awaited = new Set<HostUuid>()
      for (const vm of this.needs.catalogue.protectedVms()) {
        const status = await this.#keep(vm)
        const claim = status?.claim?.claim
        if (status?.role === 'secondary' && claim?.lockstep?.secondary === this.needs.parts.host) awaited.add(claim.holder)
      }
      this.needs.awaits(awaited)
      this.needs.ran.startAgain()
      for (const { id, vm } of this.needs.fleet.specs()) if (vm !== null) await this.#dropIfForeign(id as VmUuid)
      await this.needs.formerHome.turn()
    } finally {
      this.#busy = false
    }
  }

  /** What its worker here says of itself, if it is there. */
  async #keep(vm: VmUuid): Promise<WorkerStatus | null> {
    const { parts, catalogue, fleet, ran } = this.needs
    const records = catalogue.ofVm(vm)
    const homes = homesOf(records)
    if (!homes.includes(parts.host)) return null
    // Peers tell of volumes before xapi, after a boot, has attached their SR.
    if (records.some(({ sr }) => !catalogue.srs.includes(sr))) return null
    // After this host has booted its workers are gone: the claim tells a new one which role it has.
    if (!fleet.has(vm)) {
      ran.booted(vm, records)
      await fleet.start(fleet.pairSpec(vm, records, null))
      return null
    }
    const status = await fleet.status(vm)
    for (const { sr } of this.#repaired(records, status)) await catalogue.giveBack(sr)
    const peer = homes.find((host) => host !== parts.host)
    if (status?.role === 'primary' && peer !== undefined) await this.#pair(vm, status, peer)
    if (status !== null) {
      await this.needs.moves.keep(vm, status)
      await this.needs.putAway.keep(vm, status)
      await ran.keep(vm, records, status)
      await this.needs.lockstep.keep(vm, status)
    }
    // The claim was lost, and the guest ended. A worker that does not know its role yet may be the primary's.
    if (status?.role === 'secondary' && status.claim !== null) for (const { key } of records) parts.fronts.release(key)
    return status
  }

  /** Those whose replica on this host had failed when it was last looked at, and has not now. */
  #repaired(records: readonly VolumeRecord[], status: WorkerStatus | null): VolumeRecord[] {
    const replicas = new Map(status?.volumes.map(({ key, localReplica }) => [key, localReplica]))
    return records.filter(({ key }) => {
      if (replicas.get(key) === 'failed') this.#failed.add(key)
      else if (replicas.has(key)) return this.#failed.delete(key)
      return false
    })
  }

  async #pair(vm: VmUuid, status: WorkerStatus, peer: HostUuid): Promise<void> {
    const { parts, fleet, protection, isAlive } = this.needs
    if (status.peerConnected || !isAlive(peer)) {
      this.#unpaired.delete(vm)
      return
    }
    const looks = (this.#unpaired.get(vm) ?? 0) + 1
    this.#unpaired.set(vm, looks)
    // After a boot its own worker does not know where the peer is, and may have to wait for it.
    const isUnnamed = fleet.specOf(vm)?.peer === null
    if (looks % LOOKS_BEFORE_PAIRING !== 0 && !isUnnamed) return
    try {
      await protection.pair(vm, peer)
      parts.timeline.record({
        ...{ vm, act: 'secondary-adopted', rule: 'peer-alive-and-not-connected' },
        text: `${hostNameOf(parts, peer)} is heard again; its replica is brought up to date.`,
        evidence: { peer },
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      parts.log.warn('the pair cannot be connected yet', { vm, peer, why: error.message })
    }
  }

  /** A worker whose VM was unprotected, or got another pair, while this host was away. Only the witness's word counts. */
  async #dropIfForeign(vm: VmUuid): Promise<void> {
    const { parts, catalogue, fleet } = this.needs
    const wanted = catalogue.ofVm(vm).some(({ homes }) => homes.includes(parts.host))
    const spec = fleet.specOf(vm)
    if (wanted || spec === undefined || spec.volumes.some(({ key }) => catalogue.find(key) === undefined)) return
    try {
      if ((await parts.witness.read(vm)) === null) await release(catalogue, fleet, vm, parts)
    } catch (error) {
      if (error instanceof Refusal) parts.log.warn('what is left of a VM here cannot be dropped yet', { vm, why: error.message })
      else if (!(error instanceof WitnessUnreachable)) throw error
    }
  }
}
