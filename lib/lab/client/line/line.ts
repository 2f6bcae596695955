import { connect, type Socket } from 'node:net'

/** The connection is over, or said what nobody asked for; it is of no more use, and no other one is made. */
export class LineBroken extends Error {
  override readonly name = 'LineBroken'
}

interface Asked<Answer> {
  readonly answered: (answer: Answer) => void
  readonly failed: (error: LineBroken) => void
}

/** One TCP connection for as long as it lasts. Questions may overlap; answers come in their order, however long that takes. */
export class Line<Answer> {
  readonly #waiting: Asked<Answer>[] = []
  readonly #tellBroken: (why: string) => void
  /** Resolves with the reason when it breaks without having been closed. */
  readonly broken: Promise<string>
  #over: string | null = null

  private constructor(
    private readonly socket: Socket,
    answers: (chunk: Buffer) => readonly Answer[],
  ) {
    let tell: (why: string) => void = () => undefined
    this.broken = new Promise((resolve) => (tell = resolve))
    this.#tellBroken = tell
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const answer of answers(chunk)) this.#answered(answer)
      } catch (error) {
        this.#end(error instanceof Error ? error.message : String(error))
      }
    })
    socket.on('error', (error) => this.#end(error.message))
    socket.on('close', () => this.#end('closed by the server'))
  }

  /** @param answers takes the next bytes, gives the answers that are complete with them. Rejects where nobody listens. */
  static async open<Answer>(
    { host, port }: { readonly host: string; readonly port: number },
    answers: (chunk: Buffer) => readonly Answer[],
  ): Promise<Line<Answer>> {
    const socket = connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.removeAllListeners('error')
    return new Line(socket, answers)
  }

  /** Rejects with LineBroken. */
  ask(text: string): Promise<Answer> {
    if (this.#over !== null) return Promise.reject(new LineBroken(this.#over))
    this.socket.write(text)
    return new Promise((answered, failed) => this.#waiting.push({ answered, failed }))
  }

  /** The local end of it. */
  get port(): number {
    return this.socket.localPort ?? 0
  }

  close(): void {
    this.#over ??= 'closed by us'
    this.socket.destroy()
  }

  #answered(answer: Answer): void {
    const asked = this.#waiting.shift()
    if (asked === undefined) throw new LineBroken(`an answer that nobody asked for: ${JSON.stringify(answer).slice(0, 100)}`)
    asked.answered(answer)
  }

  #end(why: string): void {
    if (this.#over !== null) return
    this.#over = why
    this.socket.destroy()
    this.#tellBroken(why)
    for (const { failed } of this.#waiting.splice(0)) failed(new LineBroken(why))
  }
}
