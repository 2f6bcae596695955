import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Acknowledgement } from '../client/journal'
import { JournalTail } from '../client/journal-tail'
import type { Verdict } from '../client/verify'
import type { Sighting } from '../client/watcher'
import { VM_ADDRESS } from '../demo/stage'
import type { Lab } from '../rack/lab'

/** Between an acknowledgement and the next record; a long run must not fill the guest's memory. */
const PACE_MS = 20

/** The VM as its users see it, from the client's place: one writes all the time, one keeps asking whoever answers who it is. */
export class Observer {
  readonly #acknowledged: JournalTail
  readonly #sightings: JournalTail
  /** Starts of the server that have answered, in the order of their first answer. */
  readonly #servers: string[] = []
  #records = 0
  #lastAtMs = -Infinity

  private constructor(
    private readonly lab: Lab,
    private readonly journal: string,
    sightings: string,
    private readonly processes: readonly ChildProcess[],
  ) {
    this.#acknowledged = new JournalTail(journal)
    this.#sightings = new JournalTail(sightings)
  }

  /** @param folder of this machine; the client's place sees it too */
  static async start(lab: Lab, folder: string): Promise<Observer> {
    const [journal, sightings] = [join(folder, 'acknowledged.jsonl'), join(folder, 'sightings.jsonl')]
    const client = [process.execPath, join(lab.settings.labBin, 'client.js')]
    const watch = await lab.spawnIn('client', [...client, 'watch', '--host', VM_ADDRESS, '--journal', sightings], 'ignore')
    const write = [...client, 'write', '--host', VM_ADDRESS, '--journal', journal, '--pace', String(PACE_MS)]
    return new Observer(lab, journal, sightings, [watch, await lab.spawnIn('client', write, 'ignore')])
  }

  /** Records acknowledged since the beginning. */
  get records(): number {
    return this.#records
  }

  /** What was acknowledged since this was last asked, and the length of the longest wait for it. Milliseconds. */
  acknowledged(): { readonly records: number; readonly longestGapMs: number } {
    for (const { exitCode, signalCode } of this.processes)
      if (exitCode !== null || signalCode !== null) throw new Error(`a client ended (${signalCode ?? `status ${exitCode}`})`)
    const news = this.#acknowledged.next().filter(isAcknowledgement)
    let longestGapMs = 0
    for (const { at } of news) {
      if (Number.isFinite(this.#lastAtMs)) longestGapMs = Math.max(longestGapMs, at - this.#lastAtMs)
      this.#lastAtMs = at
    }
    this.#records += news.length
    return { records: news.length, longestGapMs }
  }

  /** Answers since this was last asked of a server after a later one had answered: two were served, or the dead came back. */
  servedTwice(): readonly Sighting[] {
    return this.#sightings
      .next()
      .map((line) => line as Sighting)
      .filter(({ run }) => {
        if (!this.#servers.includes(run)) this.#servers.push(run)
        return run !== this.#servers.at(-1)
      })
  }

  /** Reads back every record acknowledged with a number above `after`. */
  async verify(after: number): Promise<Verdict> {
    const argv = [process.execPath, join(this.lab.settings.labBin, 'client.js'), 'verify', '--host', VM_ADDRESS]
    const { stdout, stderr } = await this.lab.exec('client', [...argv, '--journal', this.journal, '--after', String(after)])
    if (stdout === '') throw new Error(`the records could not be read back: ${stderr.trim()}`)
    return JSON.parse(stdout) as Verdict
  }

  async stop(): Promise<void> {
    for (const child of this.processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}

const isAcknowledgement = (line: unknown): line is Acknowledgement => typeof line === 'object' && line !== null && 'n' in line
