/**
 * Two replicas that are byte arrays, a witness that is two booleans, and a guest, driven at random. The judge knows nothing of
 * the mirror's fields: it looks at replies, at what the replicas hold, and at what the witness stores.
 */
import { BLOCK_BYTES } from '../../../lib/core/mirror/dirty-bitmap'
import type { GuestRequest, Members, MirrorEffect, Side } from '../../../lib/core/mirror/events'
import { SIDES } from '../../../lib/core/mirror/events'
import { Mirror } from '../../../lib/core/mirror/mirror'

const BLOCKS = 6
const SIZE = BLOCKS * BLOCK_BYTES
/** One byte in 4 KiB stands for all of it. */
const CELL = 4096
const CELLS = SIZE / CELL

function prng(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Disk {
  cells: Uint32Array
  durable: Uint32Array
  up: boolean
  incarnation: number
}

class World {
  readonly random: () => number
  readonly disks: Record<Side, Disk>
  stored: Members = { local: true, peer: false }
  wanted: Members = this.stored
  readonly mirror = new Mirror(SIZE, this.stored)
  io: Extract<MirrorEffect, { do: 'io' }>[] = []
  /** Guest's view: per cell the versions that may be there: the last acknowledged one and all in flight since. */
  readonly acknowledged = new Uint32Array(CELLS)
  readonly flights = new Map<number, { request: GuestRequest; version: number; allowed?: Set<number>[]; floor: Uint32Array }>()
  nextId = 1
  nextVersion = 1
  lease = true
  replies = 0

  constructor(seed: number) {
    this.random = prng(seed)
    const disk = (): Disk => ({ cells: new Uint32Array(CELLS), durable: new Uint32Array(CELLS), up: false, incarnation: 1 })
    this.disks = { local: disk(), peer: disk() }
  }

  pick(n: number): number {
    return Math.floor(this.random() * n)
  }

  /** One fault at a time is what is promised: a side fails only while both are up, listed, and meant to be. */
  get redundant(): boolean {
    return SIDES.every((side) => this.disks[side].up && this.stored[side] && this.wanted[side])
  }

  feed(event: Parameters<Mirror['apply']>[0]): void {
    for (const effect of this.mirror.apply(event)) {
      // What is asked of a replica that is gone is never answered.
      if (effect.do === 'io' && !this.disks[effect.side].up) continue
      if (effect.do === 'io') this.io.push(effect)
      else if (effect.do === 'propose') this.wanted = effect.members
      else if (effect.do === 'reply') this.replied(effect)
    }
  }

  up(side: Side): void {
    const disk = this.disks[side]
    disk.up = true
    this.feed({ on: 'replica-up', side, identity: side, incarnation: String(disk.incarnation), sound: true })
  }

  down(side: Side, powerCut: boolean): void {
    const disk = this.disks[side]
    if (!disk.up) return
    disk.up = false
    this.io = this.io.filter((io) => {
      if (io.side !== side) return true
      if (this.random() < 0.5) this.perform(disk, io) // it may have reached the disk; only the answer is lost
      return false
    })
    if (powerCut) {
      disk.cells = disk.durable.slice()
      disk.incarnation++
    }
    this.feed({ on: 'replica-down', side, error: 'gone' })
  }

  perform(disk: Disk, io: Extract<MirrorEffect, { do: 'io' }>): Buffer | undefined {
    const { request } = io
    if (request.kind === 'flush') disk.durable = disk.cells.slice()
    if (request.kind === 'write') {
      for (let at = 0; at < request.length; at += CELL) {
        const cell = (request.offset + at) / CELL
        disk.cells[cell] = request.data.readUInt32LE(at)
        if (request.fua) disk.durable[cell] = disk.cells[cell] ?? 0
      }
    }
    if (request.kind !== 'read') return undefined
    const data = Buffer.alloc(request.length)
    for (let at = 0; at < request.length; at += CELL) data.writeUInt32LE(disk.cells[(request.offset + at) / CELL] ?? 0, at)
    return data
  }

  answerOne(): void {
    const io = this.io.splice(this.pick(this.io.length), 1)[0]
    if (io === undefined) return
    const data = this.perform(this.disks[io.side], io)
    this.feed({ on: 'done', side: io.side, op: io.op, error: '', ...(data === undefined ? {} : { data }) })
  }

  witness(): void {
    this.stored = this.wanted
    this.feed({ on: 'claimed', members: this.stored })
  }

  guest(): void {
    const kind = (['write', 'write', 'write', 'read', 'flush'] as const)[this.pick(5)] ?? 'read'
    const id = this.nextId++
    const cell = this.pick(CELLS)
    const cells = Math.min(1 + this.pick(4), CELLS - cell)
    const at = { offset: cell * CELL, length: cells * CELL }
    const version = this.nextVersion++
    let request: GuestRequest
    if (kind === 'flush') request = { kind, offset: 0, length: 0 }
    else if (kind === 'read') request = { kind, ...at }
    else {
      const data = Buffer.alloc(at.length)
      for (let c = 0; c < cells; c++) data.writeUInt32LE(version, c * CELL)
      request = { kind, ...at, data, fua: this.random() < 0.3 }
    }
    this.flights.set(id, { request, version, floor: this.acknowledged.slice() })
    this.feed({ on: 'request', id, request })
  }

  replied(effect: Extract<MirrorEffect, { do: 'reply' }>): void {
    const flight = this.flights.get(effect.id)
    if (flight === undefined) throw new Error(`request ${effect.id} answered twice`)
    this.flights.delete(effect.id)
    this.replies++
    if (!this.lease) throw new Error('answered without a lease')
    if (effect.error !== '') throw new Error(`the guest saw ${effect.error}`)
    const { request } = flight
    for (let at = 0; at < request.length; at += CELL) {
      const cell = (request.offset + at) / CELL
      if (request.kind === 'write') {
        this.acknowledged[cell] = Math.max(this.acknowledged[cell] ?? 0, flight.version)
        for (const side of SIDES) {
          // N1: whoever may take over by the stored claim has it.
          if (this.stored[side] && (this.disks[side].cells[cell] ?? 0) < flight.version && !this.overlapped(cell))
            throw new Error(`write ${effect.id} acknowledged, ${side} lacks cell ${cell}`)
        }
      }
      if (request.kind === 'read') {
        const seen = effect.data?.readUInt32LE(at) ?? -1
        if (seen < (flight.floor[cell] ?? 0)) throw new Error(`read ${effect.id} saw an older write of cell ${cell}`)
      }
    }
    if (request.kind === 'flush') {
      for (const side of SIDES) {
        if (!this.stored[side]) continue
        for (let cell = 0; cell < CELLS; cell++)
          if ((this.disks[side].durable[cell] ?? 0) < (flight.floor[cell] ?? 0))
            throw new Error(`flush ${effect.id} answered, ${side} has cell ${cell} only cached`)
      }
    }
  }

  /** Another write of the cell is in flight: which of them is last is not decided yet. */
  overlapped(cell: number): boolean {
    return [...this.flights.values()].some(
      ({ request }) =>
        request.kind === 'write' && request.offset / CELL <= cell && cell < (request.offset + request.length) / CELL,
    )
  }
}

function run(seed: number): { replies: number; joined: number } {
  const world = new World(seed)
  let joined = 0
  world.up('local')
  for (let turn = 0; turn < 1500; turn++) {
    const dice = world.random()
    if (dice < 0.3) world.guest()
    else if (dice < 0.85) for (let n = 0; n < 3; n++) world.answerOne()
    else if (dice < 0.93) world.witness()
    else if (dice < 0.95) {
      world.lease = !world.lease
      world.feed({ on: 'lease', valid: world.lease })
    } else {
      const side: Side = world.random() < 0.7 ? 'peer' : 'local'
      if (!world.disks[side].up) world.up(side)
      else if (world.random() < 0.3 && world.redundant) {
        world.down(side, side === 'peer' && world.random() < 0.5)
      }
    }
    if (world.stored.local && world.stored.peer) joined++
  }
  world.lease = true
  world.feed({ on: 'lease', valid: true })
  for (const side of SIDES) if (!world.disks[side].up) world.up(side)
  for (let turn = 0; turn < 5000 && (world.flights.size > 0 || !world.redundant || world.io.length > 0); turn++) {
    for (let n = 0; n < 4; n++) world.answerOne()
    world.witness()
  }
  if (world.flights.size > 0) throw new Error(`${world.flights.size} requests were never answered`)
  if (!world.redundant) throw new Error('redundancy did not come back')
  expect(world.disks.local.cells).toEqual(world.disks.peer.cells)
  return { replies: world.replies, joined }
}

test.each(Array.from({ length: 150 }, (_, n) => n + 1))(
  'seed %i: nothing acknowledged is lost, nothing is left hanging, both sides end equal',
  (seed) => {
    const { replies, joined } = run(seed)
    expect(replies).toBeGreaterThan(50)
    expect(joined).toBeGreaterThan(0)
  },
)
