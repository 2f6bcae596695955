import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../../lib/dom0/system/system-error'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'
import { Dice } from '../world/prng'
import { Gaps, longestPause, resyncRules, SeenResyncs, type Way } from './kill-rounds-figures'
import { RoundsWriter } from './kill-rounds-writer'
import { MirrorPair } from './mirror-pair'
import type { MirrorSide } from './mirror-side'
import { eventually } from './worker-host'

const MIB = 1024 * 1024
const LOOK_EVERY_MS = 25

/**
 * Who dies in a round. Twenty rounds meet each as often as it is here; within them chance has the order. Of two kinds there is one
 * that begins with both replicas up-to-date, so that what it is there for happens whatever chance does.
 */
const DECK = [
  ...Array<'primary-worker'>(5).fill('primary-worker'),
  ...Array<'secondary-worker'>(4).fill('secondary-worker'),
  ...Array<'both-workers'>(2).fill('both-workers'),
  ...Array<'witness'>(2).fill('witness'),
  'primary-worker-and-witness',
  'secondary-worker-and-witness',
  'primary-side',
  'secondary-side',
  'secondary-side-that-misses-writes',
  'take-over',
  'take-over-of-a-whole-replica',
] as const
type Kind = (typeof DECK)[number]

export interface KillRoundsReport {
  readonly rounds: number
  /** Replicas and link used the addons, not plain Node. */
  readonly hasAddon: boolean
  readonly writes: number
  readonly reads: number
  /** What a guest was told, other than that its write is done. */
  readonly errors: readonly string[]
  /** Acknowledged writes that an image lacks. */
  readonly lost: readonly string[]
  /** First offset at which the images differ in the end; -1: nowhere. */
  readonly firstDifference: number
  readonly rules: Readonly<Record<string, number>>
  readonly takenOver: number
  readonly lines: readonly string[]
}

/** Rounds of kill -9 on a mirror that is written to all the time. */
export class KillRounds {
  private readonly dice: Dice
  private readonly pair = new MirrorPair('24M')
  private readonly writers: readonly RoundsWriter[]
  private readonly gaps = new Gaps()
  private readonly seen = new SeenResyncs()
  private readonly lost: string[] = []
  private primary = this.pair.a
  private readonly hasAddon: boolean
  private deck: Kind[] = []
  private takenOver = 0
  private isOver = false
  private ended: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly rounds: number,
    seed: number,
    private readonly say: (line: string) => void,
  ) {
    this.dice = new Dice(seed)
    this.hasAddon = NO_NATIVE === '' && this.dice.chance(0.7)
    const writer = (name: string, offset: number, length: number, reconnects: boolean): RoundsWriter =>
      new RoundsWriter({ name, exportName: 'orders', offset, length, seed: this.dice.below(2 ** 31), reconnects })
    this.writers = [
      writer('direct one', 0, MIB / 2, true),
      writer('direct two', 8 * MIB, 4 * MIB, true),
      writer('behind the front', 16 * MIB, 2 * MIB, false),
    ]
  }

  /** Once. */
  run(): Promise<KillRoundsReport> {
    const running = this.play()
    this.ended = running.catch(() => undefined)
    return running
  }

  /** Resolves when nothing runs any more, after the round that is being played at the latest. */
  async end(): Promise<void> {
    this.isOver = true
    await this.ended
  }

  private async play(): Promise<KillRoundsReport> {
    let watching = Promise.resolve()
    try {
      this.pair.build('holdfast-front', 'nbd-front.ts')
      if (this.hasAddon) this.addAddon()
      await this.pair.begin('--front')
      watching = this.watch()
      watching.catch(() => undefined)
      await this.openAll()
      for (let round = 1; round <= this.rounds && !this.isOver; round += 1) await this.round(round)
      for (const writer of this.writers) await writer.stop()
      await this.pair.untilMirrored(this.primary)
      return this.report()
    } finally {
      this.isOver = true
      for (const writer of this.writers) await writer.leave()
      await this.pair.close()
      await watching
    }
  }

  /** Where an executable of the same build looks for it. */
  private addAddon(): void {
    cpSync(ADDONS, join(this.pair.folder, 'lib'), { recursive: true })
  }

  private get secondary(): MirrorSide {
    return this.primary === this.pair.a ? this.pair.b : this.pair.a
  }

  private async round(round: number): Promise<void> {
    const kind = this.draw()
    await sleep(this.dice.below(400))
    const killedAt = performance.now()
    const openedAgain = await this.kill(kind)
    for (const writer of this.writers) await writer.more(20)
    const ways = this.writers.map((writer): Way => (openedAgain.includes(writer) ? 'opened-again' : this.wayOf(writer)))
    const pauses = this.writers.map((writer) => longestPause(writer.acknowledgedAt, killedAt))
    for (const [index, ms] of pauses.entries()) this.gaps.add(kind, ways[index] ?? 'direct', ms)
    const waits = this.dice.chance(0.4)
    if (waits) await this.pair.untilMirrored(this.primary)
    this.say(`round ${round}: ${kind}, pauses ${pauses.map(Math.round).join(' ')} ms${waits ? ', redundant again' : ''}`)
  }

  private draw(): Kind {
    if (this.deck.length === 0) this.deck = [...DECK]
    const [kind] = this.deck.splice(this.dice.below(this.deck.length), 1)
    if (kind === undefined) throw new Error('a deck is never empty')
    return kind
  }

  private readonly wayOf = ({ options }: RoundsWriter): Way => (options.reconnects ? 'direct' : 'front')

  /** Resolves with the writers whose guest died with its host, and was started again. */
  private async kill(kind: Kind): Promise<readonly RoundsWriter[]> {
    const { primary, secondary } = this
    switch (kind) {
      case 'primary-worker':
        await primary.killWorker()
        return []
      case 'secondary-worker':
        await secondary.killWorker()
        return []
      case 'both-workers':
        await Promise.all([primary.killWorker(), secondary.killWorker()])
        return []
      case 'witness':
        await this.withoutWitness()
        return []
      case 'primary-worker-and-witness':
        await Promise.all([primary.killWorker(), this.withoutWitness()])
        return []
      case 'secondary-worker-and-witness':
        await Promise.all([secondary.killWorker(), this.withoutWitness()])
        return []
      case 'primary-side': {
        // Its front dies, and with it the connection of whoever cannot make another.
        const front = this.writers.filter(({ options }) => !options.reconnects)
        await Promise.all([...front.map((writer) => writer.leave()), primary.kill()])
        await sleep(this.dice.below(500))
        primary.start('--front')
        for (const writer of front) await this.open(writer)
        return front
      }
      case 'secondary-side':
        await secondary.kill()
        await sleep(this.dice.below(800))
        secondary.start('--front')
        return []
      case 'secondary-side-that-misses-writes':
        await this.pair.untilMirrored(primary)
        await secondary.kill()
        for (const writer of this.writers) await writer.more(1)
        secondary.start('--front')
        return []
      case 'take-over-of-a-whole-replica':
        await this.pair.untilMirrored(primary)
        await this.takeOver()
        return this.writers
      case 'take-over':
        await this.takeOver()
        return this.writers
    }
  }

  private async withoutWitness(): Promise<void> {
    await this.pair.killWitness()
    await sleep(this.dice.below(1000))
    await this.pair.startWitness()
  }

  /** The primary's host is gone and its guest is started beside the other replica, if that is a whole one. */
  private async takeOver(): Promise<void> {
    const { primary, secondary } = this
    await Promise.all([...this.writers.map((writer) => writer.leave()), primary.kill()])
    await secondary.until('it knows its role', ({ claim }) => claim !== null)
    const { status, err } = await secondary.run('take-over')
    if (status === 0) {
      this.takenOver += 1
      this.check(secondary)
      this.primary = secondary
    } else if (!err.includes('(rule not-up-to-date)')) throw new Error(err)
    else primary.start('--front')
    await this.openAll()
    if (status !== 0) return
    await sleep(this.dice.below(500))
    primary.start('--front')
  }

  private async openAll(): Promise<void> {
    for (const writer of this.writers) await this.open(writer)
  }

  private async open(writer: RoundsWriter): Promise<void> {
    const { primary } = this
    await primary.untilServed()
    const socket = writer.options.reconnects ? join(primary.folder, 'disk.sock') : primary.socket
    await eventually(`${socket} is there`, () => Promise.resolve(existsSync(socket) ? true : null))
    await writer.open(socket)
    // A client that cannot connect the first time gives up.
    await writer.more(1)
  }

  private check(side: MirrorSide): void {
    const image = readFileSync(side.image)
    for (const { model, options } of this.writers) {
      const wrong = model.wrong(image)
      if (wrong.length > 0) this.lost.push(`${options.name}: on ${side.name} at ${wrong.slice(0, 8).join(' ')} (${wrong.length})`)
    }
  }

  private async watch(): Promise<void> {
    while (!this.isOver) {
      const { primary } = this
      const worker = primary.workerPid ?? 0
      try {
        this.seen.look(worker, await primary.ask('status', {}))
      } catch (error) {
        // It dies all the time.
        if (codeOf(error) === '') throw error
      }
      await sleep(LOOK_EVERY_MS)
    }
  }

  private report(): KillRoundsReport {
    const [a, b] = [readFileSync(this.pair.a.image), readFileSync(this.pair.b.image)]
    const sides = [this.pair.a, this.pair.b]
    for (const side of sides) this.check(side)
    const rules = resyncRules(sides)
    return {
      ...{ rounds: this.rounds, hasAddon: this.hasAddon, lost: this.lost, rules, takenOver: this.takenOver },
      writes: this.writers.reduce((sum, { acknowledgedAt }) => sum + acknowledgedAt.length, 0),
      reads: this.writers.reduce((sum, { reads }) => sum + reads, 0),
      errors: this.writers.flatMap(({ errors }) => errors),
      firstDifference: a.equals(b) ? -1 : a.findIndex((byte, at) => byte !== b[at]),
      lines: [...this.gaps.lines(), this.seen.line()],
    }
  }
}
