import { setTimeout as sleep } from 'node:timers/promises'
import { Dice } from '../world/prng'
import { QemuIo } from './kill-rounds-client'
import { type Asked, SECTOR, WrittenModel } from './kill-rounds-model'

export interface RoundsWriterOptions {
  readonly name: string
  readonly exportName: string
  /** The part of the disk that is this writer's alone, small enough for its writes to meet. Bytes. */
  readonly offset: number
  readonly length: number
  readonly seed: number
  /** It waits for a server that went away, and asks again. */
  readonly reconnects: boolean
}

const DEPTH = 6
const SECTORS_MAX = 64
const GO_ON_LIMIT_MS = 45_000

/** Writes through QEMU's client, several at once that overlap, with FUA, zeroes and flushes, and reads back what is certain. */
export class RoundsWriter {
  readonly errors: string[] = []
  /** When each write was acknowledged, by performance.now(). */
  readonly acknowledgedAt: number[] = []
  reads = 0
  readonly model: WrittenModel
  private readonly dice: Dice
  private readonly underWay = new Map<string, Asked>()
  private client: QemuIo | null = null
  private patterns = 0
  private counted = { since: 0, acknowledged: 0 }
  private stopping = false
  private running: Promise<void> = Promise.resolve()
  private answered: (() => void) | null = null

  constructor(readonly options: RoundsWriterOptions) {
    this.model = new WrittenModel(options.offset, options.length)
    this.dice = new Dice(options.seed)
  }

  /** A client for this socket, instead of the one before, which a guest on a dead host would have been. */
  async open(socket: string): Promise<void> {
    await this.leave()
    const { exportName, reconnects, name } = this.options
    const image = `driver=nbd,server.type=unix,server.path=${socket},export=${exportName}${reconnects ? ',reconnect-delay=60' : ''}`
    this.client = new QemuIo(
      image,
      (line) => this.heard(line),
      (words) => this.failed(`${name}: qemu-io ended: ${words}`),
    )
    this.stopping = false
    this.running = this.write(this.client)
  }

  /** Resolves when all is answered. */
  async stop(): Promise<void> {
    this.stopping = true
    await this.withLimit('to answer what is under way', () => this.underWay.size === 0)
    await this.running
  }

  /** Kills the client. What it had asked for is as uncertain as it is for a guest. */
  async leave(): Promise<void> {
    this.stopping = true
    const { client } = this
    this.client = null
    await client?.kill()
    this.answered?.()
    this.underWay.clear()
    this.model.clientGone()
  }

  /** Resolves when so many writes are acknowledged that were asked for since. */
  async more(count: number): Promise<void> {
    this.counted = { since: this.model.now, acknowledged: 0 }
    await this.withLimit(`${count} more writes`, () => this.counted.acknowledged >= count)
  }

  private async withLimit(what: string, holds: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + GO_ON_LIMIT_MS
    while (!holds()) {
      if (this.errors.length > 0) throw new Error(this.errors.join('\n'))
      if (performance.now() > giveUpAt) throw new Error(`${this.options.name} waits in vain for ${what}`)
      await sleep(2)
    }
  }

  private async write(client: QemuIo): Promise<void> {
    while (this.goesOn(client)) {
      if (this.underWay.size >= DEPTH) {
        await new Promise<void>((resolve) => (this.answered = resolve))
        continue
      }
      await Promise.race([this.act(client), this.untilLeft(client)])
    }
  }

  private goesOn(client: QemuIo): boolean {
    return !this.stopping && this.client === client && this.errors.length === 0
  }

  private async untilLeft(client: QemuIo): Promise<void> {
    while (this.client === client && this.errors.length === 0) await sleep(20)
  }

  private async act(client: QemuIo): Promise<void> {
    const chance = this.dice.fraction()
    if (chance < 0.06) await this.flush(client)
    else if (chance < 0.16) await this.readBack(client)
    else await this.ask(client)
  }

  private async ask(client: QemuIo): Promise<void> {
    const { offset, length } = this.place()
    if (this.underWay.has(key(offset, length))) return
    const asZeroes = this.dice.chance(0.08)
    const pattern = asZeroes ? 0 : 1 + (this.patterns++ % 255)
    const force = this.dice.chance(0.15) ? '-f ' : ''
    this.underWay.set(key(offset, length), this.model.ask(offset, length, pattern))
    await client.command(`aio_write ${force}${asZeroes ? '-z' : `-P ${pattern}`} ${offset} ${length}`)
  }

  private async flush(client: QemuIo): Promise<void> {
    const lines = await client.command('flush')
    if (lines.some((line) => /fail|error/i.test(line))) this.failed(`${this.options.name}: flush: ${lines.join(' ')}`)
  }

  private async readBack(client: QemuIo): Promise<void> {
    const { offset, length } = this.place(1)
    const pattern = this.model.certain(offset, length)
    if (pattern === null) return
    this.reads += 1
    const lines = await client.command(`read -P ${pattern} ${offset} ${length}`)
    const isRight = lines.some((line) => line.startsWith(`read ${length}/${length} `))
    if (!isRight || lines.some((line) => line.includes('verification failed')))
      this.failed(`${this.options.name}: read -P ${pattern} ${offset} ${length}: ${lines.join(' ')}`)
  }

  private place(sectorsMax = SECTORS_MAX): { offset: number; length: number } {
    const { offset, length } = this.options
    const sectors = this.dice.chance(0.5) ? Math.min(8, sectorsMax) : 1 + this.dice.below(sectorsMax)
    return { offset: offset + SECTOR * this.dice.below(length / SECTOR - sectors), length: SECTOR * sectors }
  }

  private heard(line: string): void {
    if (line.startsWith('aio_write failed')) this.failed(`${this.options.name}: ${line}`)
    const [, done = '', length = '', offset = ''] = /^wrote (\d+)\/(\d+) bytes at offset (\d+)$/.exec(line) ?? []
    const asked = this.underWay.get(`${offset}+${length}`)
    if (asked === undefined) return
    this.underWay.delete(`${offset}+${length}`)
    if (done === length) {
      this.model.acknowledged(asked)
      this.acknowledgedAt.push(performance.now())
      if (asked.askedAt > this.counted.since) this.counted.acknowledged += 1
    } else this.failed(`${this.options.name}: ${line}`)
    this.answered?.()
  }

  private failed(error: string): void {
    this.errors.push(error)
    this.answered?.()
  }
}

const key = (offset: number, length: number): string => `${offset}+${length}`
