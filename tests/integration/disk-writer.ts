import { type ChildProcess, spawn } from 'node:child_process'
import { Dice } from '../world/prng'

interface WriterOptions {
  readonly socket: string
  readonly exportName: string
  /** The part of the disk that is this writer's alone. */
  readonly offset: number
  readonly length: number
  readonly seed: number
}

const PROMPT = 'qemu-io> '
const BLOCK = 4096

/** QEMU's own block client, which waits and resends when the server is gone: one write at a time, as a guest's journal does it. */
export class DiskWriter {
  /** Errors the guest would have seen. */
  readonly errors: string[] = []
  acknowledged = 0
  lastWritten: { readonly at: number; readonly pattern: number } | null = null
  /** Offset -> pattern, as acknowledged. */
  private readonly expected = new Map<number, number>()
  private asked: { at: number; pattern: number } | null = null
  private readonly process: ChildProcess
  private readonly dice: Dice
  private output = ''
  private unanswered = 0
  private heard: (() => void) | null = null
  private over = false
  private stopping = false
  private running: Promise<void> = Promise.resolve()

  constructor(private readonly options: WriterOptions) {
    this.dice = new Dice(options.seed)
    const { socket, exportName } = options
    const image = `driver=nbd,server.type=unix,server.path=${socket},export=${exportName},reconnect-delay=60`
    this.process = spawn('qemu-io', ['-t', 'writeback', '--image-opts', image])
    const listen = (chunk: Buffer): void => {
      this.output += chunk.toString()
      this.heard?.()
    }
    this.process.stdout?.on('data', listen)
    this.process.stderr?.on('data', listen)
    this.process.once('close', () => {
      this.over = true
      this.heard?.()
    })
  }

  /** A write or a flush is with the server and has no answer. */
  get isWaiting(): boolean {
    return this.unanswered > 0
  }

  private async untilPrompt(): Promise<string> {
    while (!this.output.includes(PROMPT)) {
      if (this.over) throw new Error(`qemu-io ended: ${this.output}`)
      await new Promise<void>((resolve) => (this.heard = resolve))
    }
    const at = this.output.indexOf(PROMPT)
    const answer = this.output.slice(0, at)
    this.output = this.output.slice(at + PROMPT.length)
    return answer
  }

  private first: Promise<string> | null = null

  async command(text: string): Promise<string> {
    await (this.first ??= this.untilPrompt())
    this.unanswered += 1
    this.process.stdin?.write(`${text}\n`)
    const answer = await this.untilPrompt()
    this.unanswered -= 1
    return answer
  }

  /** Resolves when the write is acknowledged, or failed (see errors). Every eighth also flushes. */
  async write(): Promise<void> {
    const at = this.options.offset + this.dice.below(this.options.length / BLOCK) * BLOCK
    const pattern = 1 + this.dice.below(255)
    this.asked = { at, pattern }
    const force = this.dice.chance(0.2) ? '-f ' : ''
    const answer = await this.command(`write ${force}-P ${pattern} ${at} ${BLOCK}`)
    if (answer.includes(`wrote ${BLOCK}/${BLOCK}`)) {
      this.expected.set(at, pattern)
      this.lastWritten = { at, pattern }
      this.acknowledged += 1
    } else this.errors.push(answer)
    this.asked = null
    if (this.acknowledged % 8 === 0) {
      const flushed = await this.command('flush')
      if (/fail|error/i.test(flushed)) this.errors.push(flushed)
    }
  }

  /** Writes on and on until stop(). */
  begin(afterEach: () => Promise<void> = () => Promise.resolve()): void {
    this.stopping = false
    const go = async (): Promise<void> => {
      while (!this.stopping) {
        await this.write()
        await afterEach()
      }
    }
    this.running = go()
    this.running.catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.running
  }

  /** Resolves when so many more writes are acknowledged; also learns of the loop's failure. */
  async more(count: number): Promise<void> {
    const enough = this.acknowledged + count
    while (this.acknowledged < enough) {
      const tick = new Promise<void>((resolve) => setTimeout(resolve, 5))
      await Promise.race([tick, this.running])
    }
  }

  /** What an image must hold; a write that was asked for and not answered may be there or not. */
  check(image: Buffer): void {
    const wrong = [...this.expected].filter(([at, pattern]) => {
      const here = image.subarray(at, at + BLOCK)
      if (here.every((byte) => byte === pattern)) return false
      const { asked } = this
      return asked?.at !== at || !here.every((byte) => byte === asked.pattern)
    })
    expect({ errors: this.errors, wrong }).toEqual({ errors: [], wrong: [] })
  }

  async close(): Promise<void> {
    this.stopping = true
    const ended = new Promise<void>((resolve) => (this.over ? resolve() : this.process.once('close', () => resolve())))
    this.process.kill('SIGKILL')
    await ended
    await this.running.catch(() => undefined)
  }
}
