import { connect, type Socket } from 'node:net'
import { LineSplitter } from '../../wire/lines'
import { qmpCommand, qmpLine, type QmpLine } from '../../wire/qmp'
import { Malformed, type Fields } from '../../wire/shape'
import { codeOf, failure } from '../system/system-error'

/** The longest answers list all commands, or all memory. */
const LINE_BYTES_MAX = 4 * 1024 * 1024

/** QEMU understood a command and did not carry it out. The connection is as good as before. */
export class QmpRefused extends Error {
  override readonly name = 'QmpRefused'
}

type QmpEvent = Extract<QmpLine, { kind: 'event' }>

/** What may be asked of a monitor, see Qmp. */
export interface QmpSession {
  execute(command: string, given: Fields, limitMs: number): Promise<unknown>
  onEvent(listener: (event: QmpEvent) => void): () => void
  /** Whoever has it does not need it any more. */
  close(): void
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly limit: NodeJS.Timeout
}

/**
 * A connection to a monitor of QEMU, which serves one client at a time. What waits rejects with QmpRefused, or with the system's error when
 * the connection is over: `ECONNRESET` when QEMU ended it, `ETIMEDOUT` after a command's limit, `EPROTO` when it cannot be understood.
 */
export class Qmp implements QmpSession {
  private readonly waiting = new Map<number, Waiting>()
  private readonly listeners = new Set<(event: QmpEvent) => void>()
  private readonly lines = new LineSplitter(LINE_BYTES_MAX)
  private over: Error | null = null
  private lastId = 0

  private constructor(
    private readonly socket: Socket,
    limitMs: number,
  ) {
    // The greeting is awaited like an answer; commands count from one.
    this.greeted = this.wait(0, limitMs)
    socket.on('data', (chunk) => this.read(chunk))
    socket.on('error', (error) => this.end(failure(reasonOf(codeOf(error)), error.message)))
    socket.on('close', () => this.end(failure('ECONNRESET', 'the machine is gone')))
  }

  private readonly greeted: Promise<unknown>

  static async open(path: string, limitMs: number): Promise<Qmp> {
    const qmp = new Qmp(connect(path), limitMs)
    await qmp.greeted
    await qmp.execute('qmp_capabilities', {}, limitMs)
    return qmp
  }

  /** Commands are carried out in the order in which they were given; none needs to wait for the answer of the one before. */
  execute(command: string, given: Fields, limitMs: number): Promise<unknown> {
    const id = ++this.lastId
    const answer = this.wait(id, limitMs)
    if (this.over === null) this.socket.write(qmpCommand(id, command, given))
    return answer
  }

  /** Whatever is asked rejects. */
  get isOver(): boolean {
    return this.over !== null
  }

  /** Answers how to stop listening. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  close(): void {
    this.end(failure('ECONNABORTED', 'the connection was closed'))
  }

  private wait(id: number, limitMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.over !== null) {
        reject(this.over)
        return
      }
      const limit = setTimeout(() => this.end(failure('ETIMEDOUT', `QEMU did not answer within ${limitMs} ms`)), limitMs)
      this.waiting.set(id, { resolve, reject, limit })
    })
  }

  private read(chunk: Buffer): void {
    try {
      const lines = this.lines.push(chunk)
      if (lines === 'too-long') throw new Malformed('line is too long')
      for (const line of lines) if (this.over === null) this.take(qmpLine(line))
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.end(failure('EPROTO', `QEMU said what is no QMP: ${error.message}`))
    }
  }

  private take(said: QmpLine): void {
    if (said.kind === 'event') {
      for (const listener of this.listeners) listener(said)
      return
    }
    const id = said.kind === 'greeting' ? 0 : said.id
    const waiting = this.waiting.get(id)
    if (waiting === undefined) throw new Malformed('answer to nothing')
    this.waiting.delete(id)
    clearTimeout(waiting.limit)
    if (said.kind === 'refused') waiting.reject(new QmpRefused(said.why))
    else waiting.resolve(said.kind === 'answer' ? said.value : null)
  }

  /** Once: what comes after a first reason follows from it. */
  private end(why: Error): void {
    if (this.over !== null) return
    this.over = why
    this.socket.destroy()
    for (const { reject, limit } of this.waiting.values()) {
      clearTimeout(limit)
      reject(why)
    }
    this.waiting.clear()
  }
}

/** One that ends while it is written to says so in another way. */
const reasonOf = (code: string): string => (code === 'EPIPE' ? 'ECONNRESET' : code || 'EIO')
