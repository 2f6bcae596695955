import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { leaseOverAfterMs } from '../../../lib/core/domain/lease'
import { Holder, type HolderEffect, type HolderEvent } from '../../../lib/core/membership/holder'
import { Dice } from '../../world/prng'
import { WitnessModel } from './witness-model'

const SELF = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const PEER = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const LEASE_MS = 1500
const FIRST: Claim = {
  vm: vmUuid('eeeeeeee-0000-4000-8000-000000000001'),
  ...{ term: 1, holder: SELF, leaseMs: LEASE_MS, upToDate: { [DISK]: [SELF] }, lockstep: null },
}

type Asked = Extract<HolderEffect, { do: 'renew' | 'swap' | 'read' }>
interface Letter {
  readonly asked: Asked
  readonly askedAtMs: number
  readonly arrivesMs: number
  /** The holder has given up waiting; the witness may still receive it. */
  givenUp: boolean
}

/**
 * A holder, a witness, a peer, and a network that delays, loses and answers late, but keeps the order of one connection. The
 * judge knows only this: when the peer has the claim, the holder's lease may not be valid.
 */
class World {
  readonly dice: Dice
  readonly witness: WitnessModel
  holder: Holder
  nowMs = 1000
  private letters: Letter[] = []
  private answers: { atMs: number; event: HolderEvent }[] = []
  private retries: number[] = []
  private cut = false
  private peerCut = false
  private peerPromisedAtMs = -1e9
  readonly seen = new Map<string, number>()

  constructor(seed: number) {
    this.dice = new Dice(seed)
    this.witness = new WitnessModel(FIRST, 1 + this.dice.fraction() / 100)
    this.holder = this.restarted()
  }

  note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  /** As a worker's start: the claim is read, nothing else is known. What the dead process had sent is refused by then. */
  private restarted(): Holder {
    this.letters = []
    this.answers = []
    this.retries = []
    return new Holder(SELF, this.witness.stored, null)
  }

  turn(): void {
    const { dice } = this
    this.nowMs += dice.chance(0.01) ? dice.below(4000) : dice.below(40)
    if (dice.chance(0.01)) this.cut = !this.cut
    if (dice.chance(0.01)) this.peerCut = !this.peerCut
    if (dice.chance(0.02)) this.feed({ on: 'want', volume: DISK, hosts: dice.chance(0.5) ? [SELF] : [SELF, PEER] })
    if (dice.chance(0.012)) this.feed({ on: 'hand-over', to: PEER })
    if (dice.chance(0.2)) this.ping()
    if (dice.chance(0.1)) this.take()
    if (dice.chance(0.003) && this.witness.takenAtMs === null) {
      this.note('restart')
      this.holder = this.restarted()
    }
    this.deliver()
    this.feed({ on: 'tick', nowMs: this.nowMs })
    this.judge()
  }

  private judge(): void {
    if (this.witness.takenAtMs === null || !this.holder.leaseValid) return
    throw new Error(`the lease is valid at ${this.nowMs}, the peer has the claim since ${this.witness.takenAtMs}`)
  }

  /** The peer promises when it answers; sometimes the answer takes its time. */
  private ping(): void {
    if (this.peerCut || this.witness.takenAtMs !== null) return
    const askedAtMs = this.nowMs
    this.peerPromisedAtMs = askedAtMs + this.dice.below(30)
    this.answers.push({
      atMs: this.peerPromisedAtMs + this.dice.below(500),
      event: { on: 'peer-promise', host: PEER, askedAtMs },
    })
  }

  private take(): void {
    if (this.nowMs < this.peerPromisedAtMs + leaseOverAfterMs(LEASE_MS)) return
    if (this.witness.take(PEER, this.nowMs)) this.note('taken')
  }

  private deliver(): void {
    for (const letter of this.letters.filter(({ arrivesMs }) => arrivesMs <= this.nowMs)) {
      this.letters = this.letters.filter((other) => other !== letter)
      this.receive(letter)
    }
    for (const letter of this.letters) {
      if (letter.givenUp || this.nowMs < letter.askedAtMs + 400) continue
      letter.givenUp = true
      this.lost(letter.asked)
    }
    const due = this.answers.filter(({ atMs }) => atMs <= this.nowMs)
    this.answers = this.answers.filter((answer) => !due.includes(answer))
    for (const { event } of due) this.feed(event)
    const again = this.retries.filter((atMs) => atMs <= this.nowMs)
    this.retries = this.retries.filter((atMs) => atMs > this.nowMs)
    again.forEach(() => this.feed({ on: 'unknown' }))
  }

  private lost(asked: Asked): void {
    this.note(`${asked.do} lost`)
    if (asked.do === 'renew') this.answers.push({ atMs: this.nowMs, event: { on: 'renewal-lost' } })
    else this.retries.push(this.nowMs + 100)
  }

  private receive({ asked, askedAtMs, givenUp, arrivesMs }: Letter): void {
    const { witness } = this
    // On time, whatever turn of the world it is seen in.
    const event = ((): HolderEvent => {
      if (asked.do === 'read') return { on: 'stored', stored: witness.stored }
      if (asked.do === 'renew')
        return witness.renew(SELF, FIRST.term, arrivesMs)
          ? { on: 'renewed', askedAtMs }
          : { on: 'renewal-refused', stored: witness.stored }
      const isStored = witness.swap(asked.expected, asked.next, arrivesMs)
      if (isStored && asked.next.holder === PEER) this.note('handed over')
      return isStored ? { on: 'swapped', revision: witness.stored.revision } : { on: 'stored', stored: witness.stored }
    })()
    this.note(givenUp ? `${asked.do} done late` : asked.do)
    if (givenUp) return
    if (this.cut || this.dice.chance(0.03)) this.lost(asked)
    else this.answers.push({ atMs: this.nowMs, event })
  }

  private feed(event: HolderEvent): void {
    for (const effect of this.holder.apply(event)) {
      if (effect.do === 'renew' || effect.do === 'swap' || effect.do === 'read') this.send(effect)
      else if (effect.do === 'claimed') this.told(effect.hosts)
      else if (effect.do === 'guests') this.note(`guests ${effect.mayRun}`)
      else if (effect.do === 'not-handed-over') this.note(effect.rule)
      else this.note(effect.do === 'lease' ? `lease ${effect.valid}` : effect.do)
    }
  }

  /** Nobody but the holder changes who is up-to-date, and it has one change under way at a time: what it tells is so. */
  private told(hosts: readonly string[]): void {
    const stored = this.witness.stored.claim.upToDate[DISK] ?? []
    if (this.witness.takenAtMs === null && hosts.join() !== stored.join())
      throw new Error(`told that ${hosts.join()} is stored, and it is ${stored.join()}`)
  }

  /** A connection keeps its order, so what comes later arrives later. */
  private send(asked: Asked): void {
    const delay = this.cut ? 100 + this.dice.below(3000) : this.dice.below(20)
    const last = Math.max(0, ...this.letters.map(({ arrivesMs }) => arrivesMs).filter(Number.isFinite))
    const gives = asked.do === 'swap' && asked.next.holder === PEER
    const never = (this.cut && this.dice.chance(0.5)) || (gives && this.dice.chance(0.4))
    const arrivesMs = never ? Number.POSITIVE_INFINITY : Math.max(last, this.nowMs + delay)
    this.letters.push({ asked, askedAtMs: this.nowMs, arrivesMs, givenUp: false })
  }
}

test.each([1, 2, 3, 4])('seeds from %i00: while another host holds the claim, the lease is never valid', (hundred) => {
  const seen = new Map<string, number>()
  for (let seed = hundred * 100; seed < hundred * 100 + 100; seed += 1) {
    const world = new World(seed)
    try {
      for (let turn = 0; turn < 600; turn += 1) world.turn()
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
    for (const [what, times] of world.seen) seen.set(what, (seen.get(what) ?? 0) + times)
  }
  // A run in which nothing happens proves nothing.
  for (const what of [
    'taken',
    'spent',
    'restart',
    'swap',
    'swap lost',
    'swap done late',
    'renew lost',
    'lease true',
    'lease false',
    'handed over',
    'change-under-way',
    'not-up-to-date',
    'swap-refused',
    'guests true',
    'guests false',
  ]) {
    expect({ what, often: (seen.get(what) ?? 0) > 10 }).toEqual({ what, often: true })
  }
})
