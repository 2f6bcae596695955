/** A lab with the product and one VM `orders`, and the few things that its tests ask of it. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJournal } from '../../lib/lab/client/journal'
import type { LabTimes } from '../../lib/lab/contract'
import { poolApi, setStage, type Stage, type StageOptions, startVmOn, until, VM_ADDRESS } from '../../lib/lab/demo/stage'
import type { Lab, Outcome } from '../../lib/lab/rack/lab'
import type { LocalApi } from '../../lib/lab/seed/local-api'
import type { DaemonApi, VmStatus } from '../../lib/wire/daemon-api'
import { ROOT } from '../house/sources'
import { processesAbout } from './rack-eyes'

export const CLIENT = join(ROOT, 'dist/lab/client.js')
const HOLDFAST = '/usr/local/sbin/holdfast'
/** A guest boots in ten seconds under emulation; on a machine with ten times more to do it takes a hundred. */
const GUEST_LIMIT_MS = 120_000
const END_LIMIT_MS = 15_000

export class ProductLab {
  #writer: ChildProcess | null = null

  private constructor(
    readonly folder: string,
    readonly stage: Stage,
  ) {}

  static async open(
    times: Partial<LabTimes> = {},
    more: Pick<StageOptions, 'alternate' | 'bmc' | 'config'> = {},
  ): Promise<ProductLab> {
    const folder = mkdtempSync(join(tmpdir(), 'product-'))
    try {
      return new ProductLab(folder, await setStage({ dir: join(folder, 'lab'), times, ...more }))
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  get lab(): Lab {
    return this.stage.lab
  }

  get journal(): string {
    return join(this.folder, 'acknowledged.jsonl')
  }

  uuidOf(host: string): string {
    return this.lab.hosts.find(({ name }) => name === host)?.uuid ?? ''
  }

  /** Nothing of the lab is left afterwards: no process, mount or file. */
  async close(): Promise<void> {
    try {
      await this.stopWriting()
      const { dir } = this.lab
      await this.lab.down()
      expect(existsSync(dir)).toBe(false)
      await until('nothing of the lab runs or is mounted', END_LIMIT_MS, () => Promise.resolve(processesAbout(dir).length === 0))
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  async withApi<T>(work: (api: LocalApi) => Promise<T>, host?: string): Promise<T> {
    const api = await poolApi(this.lab, host)
    try {
      return await work(api)
    } finally {
      await api.logout()
    }
  }

  command(host: string, ...argv: string[]): Promise<Outcome> {
    return this.lab.exec(host, [HOLDFAST, ...argv])
  }

  /** What `holdfast FUNCTION ... --json` prints. */
  async operator<F extends keyof DaemonApi>(host: string, fn: F, ...argv: string[]): Promise<DaemonApi[F]['answer']> {
    const { exit, stdout, stderr } = await this.command(host, fn, ...argv, '--json')
    if (exit !== 0) throw new Error(`holdfast ${fn} on ${host}: exit ${exit ?? 'by signal'}: ${stderr}`)
    return JSON.parse(stdout) as DaemonApi[F]['answer']
  }

  /** What the plug-in answers through XAPI; rejects with what xe prints. */
  async plugin<F extends keyof DaemonApi>(
    host: string,
    fn: F,
    args: Readonly<Record<string, string>> = {},
  ): Promise<DaemonApi[F]['answer']> {
    const named = Object.entries(args).map(([name, value]) => `args:${name}=${value}`)
    const call = ['host-call-plugin', `host-uuid=${this.uuidOf(host)}`, 'plugin=holdfast', `fn=${fn}`, ...named]
    const { exit, stdout, stderr } = await this.lab.xe(call)
    if (exit !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as DaemonApi[F]['answer']
  }

  async vmStatus(host: string, vm: string): Promise<VmStatus> {
    const { vms } = await this.operator(host, 'status', vm)
    const found = vms.find((each) => each.vm === vm)
    if (found === undefined) throw new Error(`${host} does not report ${vm}`)
    return found
  }

  /** Until that host's operator reads that every disk has two copies up-to-date and nothing is wrong. */
  async redundant(host: string, vm: string, limitMs = GUEST_LIMIT_MS): Promise<VmStatus> {
    let last = ''
    try {
      await until('the VM is redundant', limitMs, async () => {
        const { exit, stdout, stderr } = await this.command(host, 'status', vm, '--json')
        last = exit === 0 ? stdout : stderr
        if (exit !== 0) return false
        const { health, disks } = await this.vmStatus(host, vm)
        return health === 'protected' && disks.length > 0 && disks.every(({ upToDate }) => upToDate.length === 2)
      })
    } catch (error) {
      throw new Error(`${String(error)}; its status: ${last}`, { cause: error })
    }
    return this.vmStatus(host, vm)
  }

  /** Acts of the VM in the timeline, oldest first. */
  async acts(host: string, vm: string): Promise<string[]> {
    return (await this.operator(host, 'timeline', vm)).entries.filter((entry) => entry.vm === vm).map(({ act }) => act)
  }

  startOn(vm: string, host: string): Promise<void> {
    return startVmOn(this.stage, vm, host)
  }

  /** The client of the demonstration; goes on after the last record of the journal. */
  async startWriting(): Promise<void> {
    const argv = [process.execPath, CLIENT, 'write', '--host', VM_ADDRESS, '--journal', this.journal]
    this.#writer = await this.lab.spawnIn('client', argv, 'ignore')
  }

  get acknowledged(): number {
    return existsSync(this.journal) ? readJournal(this.journal).acknowledgements.length : 0
  }

  /** Until so many more records are acknowledged. */
  async moreWritten(records = 20): Promise<void> {
    const before = this.acknowledged
    const more = (): Promise<boolean> => Promise.resolve(this.acknowledged >= before + records)
    await until('the guest acknowledges more records', GUEST_LIMIT_MS, more)
  }

  async stopWriting(): Promise<void> {
    const writer = this.#writer
    this.#writer = null
    if (writer === null || writer.exitCode !== null || writer.signalCode !== null) return
    const ended = new Promise((resolve) => writer.once('exit', resolve))
    writer.kill('SIGTERM')
    await ended
  }

  /** Reads back every acknowledged record; the answer is what the client printed. */
  async verified(): Promise<{ acknowledged: number; missing: number[]; different: number[] }> {
    const { stdout, stderr } = await this.lab.exec('client', [
      ...[process.execPath, CLIENT, 'verify', '--host', VM_ADDRESS, '--journal', this.journal],
    ])
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout) as { acknowledged: number; missing: number[]; different: number[] }
  }

  /** Pid, as that host numbers it, of each process with that name. */
  async pids(host: string, name: string): Promise<number[]> {
    const { hosts } = await this.lab.status()
    const processes = hosts.find((each) => each.name === host)?.processes ?? []
    return processes.filter((each) => each.name === name).map(({ pid }) => pid)
  }
}
