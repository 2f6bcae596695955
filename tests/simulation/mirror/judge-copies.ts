import { BLOCK_BYTES, EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { Generations } from '../../../lib/core/domain/volume'
import { CELL_BYTES } from '../../world/cells'
import { Broken } from './broken'
import type { JudgedWorld } from './judged-world'
import { HOSTS, type HostName } from './names'
import { coveredBlocks, isCovered } from './notes'

const CELLS_PER_BLOCK = BLOCK_BYTES / CELL_BYTES
const BLOCKS_PER_EXTENT = EXTENT_BYTES / BLOCK_BYTES

/** A resync reads and copies only what the notes beside the replicas name, or what the guest is changing right now. */
export class CopyJudge {
  verifying = false
  /** Replicas of which nothing is known: they may be copied whole. */
  readonly #fresh = new Set<HostName>()
  /** Blocks that were known to differ perhaps when the last resync began: a later change of them settles them on both sides. */
  #named: ReadonlySet<number> | 'all' = new Set()
  /** Between the announcement that a replica is about to be as good as the other one and the claim that says so. */
  #announced = false

  constructor(private readonly world: JudgedWorld) {}

  mayCopyAll(host: HostName): void {
    this.#fresh.add(host)
  }

  /** The claim lists a replica that has lost everything. */
  get listsStranger(): boolean {
    return this.world.judge.listed.some((host) => this.#fresh.has(host))
  }

  joined(host: HostName): void {
    this.#announced = false
    this.#fresh.delete(host)
  }

  /** A resync of so many blocks, as the operator is told. */
  begins(host: HostName, blocks: number, rule: string): void {
    if (blocks === 0) return
    // Whether the replica heard of it is not known, and then all of it may be copied.
    if (this.#announced && rule === 'peer-is-inconsistent') this.#fresh.add(host)
    this.#announced = false
    if (this.#fresh.size > 0) return
    const all = Math.ceil(this.world.plan.sizeBytes / BLOCK_BYTES)
    const known = new Set<number>()
    this.#named = known
    for (const name of HOSTS) {
      const covered = coveredBlocks(this.world.hosts[name].store.notes, all, BLOCKS_PER_EXTENT)
      if (covered === 'all') {
        this.#named = 'all'
        return
      }
      for (const block of covered) known.add(block)
    }
    for (const block of this.#underWay()) known.add(block)
    if (blocks > known.size)
      throw new Broken('copies bounded', `${blocks} blocks are resynced to ${host} (${rule}), the notes name ${known.size}`)
  }

  asked(host: HostName, request: ReplicaRequest): void {
    if (request.kind === 'mark') this.#announced ||= isAnnouncement(request.mark.generations)
    if (this.verifying || this.#fresh.size > 0 || this.#named === 'all' || !this.#isCopy(request)) return
    const last = Math.floor((request.offset + request.length - 1) / BLOCK_BYTES)
    const underWay = this.#underWay()
    for (let block = Math.floor(request.offset / BLOCK_BYTES); block <= last; block++) {
      if (
        this.#named.has(block) ||
        underWay.has(block) ||
        HOSTS.some((name) => isCovered(this.world.hosts[name].store.notes, block, BLOCKS_PER_EXTENT))
      )
        continue
      throw new Broken('copies bounded', `block ${block} is copied to ${host} (${request.kind}), and no note names it`)
    }
  }

  #isCopy(request: ReplicaRequest): boolean {
    if (request.kind === 'write') return !this.world.guestBuffers.has(request.data)
    return request.kind === 'hash' || (request.kind === 'zero' && request.punch)
  }

  #underWay(): Set<number> {
    const blocks = new Set<number>()
    const { hosts, leftUnanswered } = this.world
    const living = Object.values(hosts).flatMap(({ guest }) => guest?.underWay ?? [])
    const left = leftUnanswered.flatMap(({ by, ranges }) => (by.isServing ? ranges : []))
    for (const { first, count } of [...living, ...left]) {
      const last = Math.floor((first + count - 1) / CELLS_PER_BLOCK)
      for (let block = Math.floor(first / CELLS_PER_BLOCK); block <= last; block++) blocks.add(block)
    }
    return blocks
  }
}

const isAnnouncement = (generations: Generations | undefined): boolean =>
  generations?.history.includes(generations.current) === true
