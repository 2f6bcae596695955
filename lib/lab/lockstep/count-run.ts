import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CounterVerdict } from '../client/counter'
import type { CountingLine } from '../client/counting'
import { JournalTail } from '../client/journal-tail'
import { VM_ADDRESS } from '../demo/stage'
import type { Lab } from '../rack/lab'

/** An answered INCR; monotonic machine time in ms. */
export interface Answered {
  readonly n: number
  readonly sent: number
  readonly at: number
}

/** What the client was promised, and did not get. */
export class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken'
  constructor(readonly what: readonly string[]) {
    super(`a promise was broken: ${what.join('; ')}`)
  }
}

/** The counting client in its place of the lab, over one connection from beginning to end. */
export class CountRun {
  readonly #answers: Answered[] = []
  readonly #journal: JournalTail
  readonly #ended: Promise<unknown>
  #words = ''
  #verified = 0
  #last: CountingLine | null = null

  private constructor(
    private readonly child: ChildProcess,
    journal: string,
  ) {
    this.#journal = new JournalTail(journal)
    this.#ended = once(child, 'exit')
    child.stderr?.on('data', (data: Buffer) => (this.#words += data.toString()))
    if (child.stdout === null) throw new Error('the client has no standard output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#last = JSON.parse(line) as CountingLine
      if (this.#last.said === 'verified') this.#verified += 1
    })
  }

  /** @param journal a file of this machine; the client's place sees it too. The guest must listen already. */
  static async start(lab: Lab, journal: string, paceMs = 20): Promise<CountRun> {
    const argv = [process.execPath, join(lab.settings.labBin, 'client.js'), 'count', '--host', VM_ADDRESS, '--journal', journal]
    return new CountRun(await lab.spawnIn('client', [...argv, '--pace', String(paceMs)], ['pipe', 'pipe', 'pipe']), journal)
  }

  /** All so far, oldest first. Throws PromiseBroken as soon as the client knows of one. */
  answers(): readonly Answered[] {
    const broken = this.#last?.verdict.broken ?? []
    if (broken.length > 0) throw new PromiseBroken(broken)
    const { exitCode, signalCode } = this.child
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the counting client ended (${signalCode ?? `status ${exitCode}`}): ${this.#words.trim()}`)
    this.#answers.push(...(this.#journal.next() as Answered[]))
    return this.#answers
  }

  /** How many questions that were asked after that moment are answered. */
  askedAndAnsweredSince(monotonicMs: number): number {
    const answers = this.answers()
    const first = answers.findIndex(({ sent }) => sent > monotonicMs)
    return first < 0 ? 0 : answers.length - first
  }

  /** As the client said it last. */
  get verdict(): CounterVerdict | null {
    return this.#last?.verdict ?? null
  }

  /** Has everything read back on the same connections. `isVerified` tells. */
  askToVerify(): () => boolean {
    const before = this.#verified
    this.child.stdin?.write('verify\n')
    return () => {
      this.answers()
      return this.#verified > before
    }
  }

  /** Everything is read back, and the idle connection speaks. Resolves with the last word, however it is. */
  async end(): Promise<CounterVerdict> {
    this.child.stdin?.end('end\n')
    await this.#ended
    if (this.#last === null) throw new Error(`the counting client said nothing: ${this.#words.trim()}`)
    return this.#last.verdict
  }

  async kill(): Promise<void> {
    this.child.stdin?.destroy()
    this.child.kill('SIGKILL')
    if (this.child.exitCode === null && this.child.signalCode === null) await this.#ended
  }
}
