import { connect, type Socket } from 'node:net'

export interface QmpEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** QEMU refused a command, or went away before it answered. */
export class QmpError extends Error {
  override readonly name = 'QmpError'
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

const COMMAND_MS = 30_000

/** One connection to a QEMU monitor. QEMU serves one client per socket: keep command connections short. */
export class Qmp {
  /** Resolves when the connection is over, for whatever reason. */
  readonly closed: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Set<(event: QmpEvent) => void>()
  #greeted: Waiting | null = null
  #lastId = 0

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const gone = new QmpError('the machine is gone')
        this.#greeted?.reject(gone)
        for (const waiting of this.#waiting.values()) waiting.reject(gone)
        this.#waiting.clear()
        resolve()
      })
    })
    let rest = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(line)
    })
  }

  /** Connects and negotiates; fails if nobody listens or the monitor stays busy with another client for `limitMs`. */
  static async open(path: string, limitMs = COMMAND_MS): Promise<Qmp> {
    const socket = connect(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    // After this an error is followed by 'close', which everything waits for.
    socket.on('error', () => socket.destroy())
    const qmp = new Qmp(socket)
    await qmp.#limited(
      new Promise((resolve, reject) => {
        qmp.#greeted = { resolve, reject }
      }),
      `no greeting on ${path}`,
      limitMs,
    )
    await qmp.execute('qmp_capabilities', {}, limitMs)
    return qmp
  }

  execute(command: string, args: Readonly<Record<string, unknown>> = {}, limitMs = COMMAND_MS): Promise<unknown> {
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    return this.#limited(answer, `no answer to ${command}`, limitMs)
  }

  onEvent(listener: (event: QmpEvent) => void): void {
    this.#listeners.add(listener)
  }

  /** Resolves with the first event that passes; rejects when the connection or the time is over. */
  async event(passes: (event: QmpEvent) => boolean, limitMs: number): Promise<QmpEvent> {
    const seen = new Promise<QmpEvent>((resolve, reject) => {
      this.onEvent((event) => {
        if (passes(event)) resolve(event)
      })
      void this.closed.then(() => reject(new QmpError('the machine is gone')))
    })
    return this.#limited(seen, 'the event did not come', limitMs, false)
  }

  close(): void {
    this.socket.destroy()
  }

  async #limited<T>(work: Promise<T>, what: string, limitMs: number, fatal = true): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new QmpError(`${what} within ${limitMs} ms`))
        if (fatal) this.close()
      }, limitMs)
    })
    try {
      return await Promise.race([work, limit])
    } finally {
      clearTimeout(timer)
    }
  }

  #read(line: string): void {
    const message: unknown = JSON.parse(line)
    if (!isRecord(message)) throw new QmpError(`not a QMP message: ${line}`)
    if ('QMP' in message) return this.#greeted?.resolve(message)
    const event = eventOf(message)
    if (event !== null) {
      for (const listener of this.#listeners) listener(event)
      return
    }
    const id = message['id']
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined
    if (waiting === undefined || typeof id !== 'number') return
    this.#waiting.delete(id)
    const error = message['error']
    if (isRecord(error)) waiting.reject(new QmpError(String(error['desc'])))
    else waiting.resolve(message['return'])
  }
}

/** One line of a monitor, if it is an event. */
export function eventOf(message: unknown): QmpEvent | null {
  if (!isRecord(message) || typeof message['event'] !== 'string') return null
  const data = message['data']
  return { event: message['event'], data: isRecord(data) ? data : {} }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
