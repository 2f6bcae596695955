import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readJournal, type Acknowledgement } from '../client/journal'
import type { Verdict } from '../client/verify'
import type { Lab } from '../rack/lab'
import { VM_ADDRESS } from './stage'

/** The client in its place of the lab: writes numbered records to the VM all the time, and reads them back at the end. */
export class ClientRun {
  private constructor(
    private readonly lab: Lab,
    private readonly journal: string,
    private readonly writer: ChildProcess,
  ) {}

  /** @param journal a file of this machine; the client's place sees it too */
  static async start(lab: Lab, journal: string): Promise<ClientRun> {
    const argv = [process.execPath, join(lab.settings.labBin, 'client.js'), 'write', '--host', VM_ADDRESS, '--journal', journal]
    return new ClientRun(lab, journal, await lab.spawnIn('client', argv, ['ignore', 'ignore', 'pipe']))
  }

  acknowledgements(): readonly Acknowledgement[] {
    const { exitCode, signalCode } = this.writer
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the writing client ended (${signalCode ?? `status ${exitCode}`})`)
    return this.#read()
  }

  acknowledgedSince(monotonicMs: number): number {
    return this.acknowledgements().filter(({ at }) => at > monotonicMs).length
  }

  async stop(): Promise<readonly Acknowledgement[]> {
    const ended = once(this.writer, 'exit')
    this.writer.kill()
    await ended
    return this.#read()
  }

  /** Compares what redis holds with the journal. */
  async verify(): Promise<Verdict> {
    const client = [process.execPath, join(this.lab.settings.labBin, 'client.js')]
    const argv = [...client, 'verify', '--host', VM_ADDRESS, '--journal', this.journal]
    const { stdout, stderr } = await this.lab.exec('client', argv)
    const verdict: unknown = stdout === '' ? null : JSON.parse(stdout)
    if (!isVerdict(verdict)) throw new Error(`the records could not be read back: ${stderr.trim()}`)
    return verdict
  }

  #read(): readonly Acknowledgement[] {
    return existsSync(this.journal) ? readJournal(this.journal).acknowledgements : []
  }
}

const isVerdict = (value: unknown): value is Verdict =>
  typeof value === 'object' && value !== null && ['acknowledged', 'missing', 'different', 'gaps'].every((name) => name in value)
