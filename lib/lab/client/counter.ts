import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { CountCheck, type CountVerdict } from './count-check'
import { DiskRecords, RECORDS_PORT, textLines } from './disk-records'
import { Line, LineBroken } from './line/line'
import { command, replies, type Reply } from './line/resp'
import { monotonicMs, recordText } from './record'

export interface CounterOptions {
  readonly host: string
  /** A line `{"n","sent","at"}` for each answered INCR; monotonic machine time in ms. */
  readonly journal: string
  /** Between an answer and the next question. */
  readonly paceMs: number
}

/** What was counted, and what the guest's disk was given. */
export interface CounterVerdict extends CountVerdict {
  readonly written: number
}

const REDIS_PORT = 6379
/** So many questions are under way at once: a guest is lost between any two of them. */
const DEPTH = 4
const KEYS = 10_000
const TEXT_BYTES = 200
const BATCH = 500
const COUNTER = 'count'

/** Three connections for as long as all goes well: one counts and stores, one says nothing until the end, one has records written. */
export class Counter {
  readonly #check = new CountCheck()
  readonly #records: DiskRecords
  readonly #journal: number
  #asked = 0
  #goesOn = true
  #tasks: Promise<void>[] = []

  private constructor(
    private readonly options: CounterOptions,
    private readonly redis: Line<Reply>,
    private readonly idle: Line<Reply>,
    private readonly disk: Line<string>,
  ) {
    this.#records = new DiskRecords(disk, (what) => this.#check.breaks(what))
    this.#journal = openSync(options.journal, 'a', 0o644)
  }

  /** Rejects where the guest does not listen. */
  static async open(options: CounterOptions): Promise<Counter> {
    const at = { host: options.host, port: REDIS_PORT }
    const [redis, idle] = [await Line.open(at, replies()), await Line.open(at, replies())]
    const counter = new Counter(options, redis, idle, await Line.open({ ...at, port: RECORDS_PORT }, textLines()))
    await redis.ask(command('DEL', COUNTER))
    counter.#begin()
    return counter
  }

  /** Resolves when a connection is over that should not be. */
  get broken(): Promise<void> {
    const { redis, idle, disk } = this
    const told = (name: string, why: Promise<string>): Promise<void> => why.then((text) => this.#check.breaks(`${name}: ${text}`))
    return Promise.race([
      told('the counting connection', redis.broken),
      told('the idle connection', idle.broken),
      told('the connection of the records', disk.broken),
    ])
  }

  get verdict(): CounterVerdict {
    return { ...this.#check.verdict, written: this.#records.written }
  }

  /** Stops for as long as it reads back everything that was acknowledged, on the same connections. */
  async verify(): Promise<CounterVerdict> {
    await this.#stop()
    this.#check.counterIs(await this.redis.ask(command('GET', COUNTER)))
    const { keys } = this.#check
    for (let at = 0; at < keys.length; at += BATCH) {
      const batch = keys.slice(at, at + BATCH)
      const texts = await this.redis.ask(command('MGET', ...batch))
      const told: readonly Reply[] = texts instanceof Array ? texts : []
      batch.forEach((key, index) => this.#check.readBack(key, told[index] ?? null))
    }
    await this.#records.readBack()
    this.#begin()
    return this.verdict
  }

  /** The last word: everything is read back, and the idle connection speaks for the first time. */
  async end(): Promise<CounterVerdict> {
    await this.verify()
    await this.#stop()
    const pong = await this.idle.ask(command('PING'))
    if (pong !== 'PONG') this.#check.breaks(`the idle connection answered ${JSON.stringify(pong)}`)
    return this.verdict
  }

  close(): void {
    this.#goesOn = false
    for (const line of [this.redis, this.idle, this.disk]) line.close()
    closeSync(this.#journal)
  }

  #begin(): void {
    this.#goesOn = true
    this.#check.paused()
    this.#tasks = [...Array.from({ length: DEPTH }, () => this.#count()), this.#write()]
  }

  async #stop(): Promise<void> {
    this.#goesOn = false
    await Promise.all(this.#tasks)
  }

  async #count(): Promise<void> {
    await this.#repeat(this.options.paceMs, async () => {
      const n = ++this.#asked
      const sent = monotonicMs()
      const [key, text] = [`text:${n % KEYS}`, recordText(n, TEXT_BYTES)]
      const [counted, stored] = [this.redis.ask(command('INCR', COUNTER)), this.redis.ask(command('SET', key, text))]
      // Broken together, and told by the first.
      stored.catch(() => undefined)
      const reply = await counted
      const at = monotonicMs()
      this.#check.counted(reply, at)
      writeSync(this.#journal, `${JSON.stringify({ n, sent, at })}\n`)
      this.#check.stored(key, text, await stored)
    })
  }

  #write(): Promise<void> {
    return this.#repeat(RECORD_PACE_MS, () => this.#records.write())
  }

  async #repeat(paceMs: number, act: () => Promise<void>): Promise<void> {
    try {
      while (this.#goesOn) {
        await act()
        await pause(paceMs)
      }
    } catch (error) {
      if (!(error instanceof LineBroken)) throw error
    }
  }
}

/** A record costs the guest three processes, which emulation makes slow. */
const RECORD_PACE_MS = 100
