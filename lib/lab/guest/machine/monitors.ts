import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineFiles } from './arguments'
import { textOf, type DomainRecord, type DomainStore } from './domain-store'
import { hasCode } from './has-code'
import { isAlive } from './process-identity'
import { Qmp, QmpError } from './qmp'

const START_MS = 30_000

/** The way to each domain's QEMU: where its sockets are, and commands over connections of their own. */
export class Monitors {
  constructor(
    private readonly store: DomainStore,
    readonly directory: string,
    private readonly memoryDirectory: string,
  ) {}

  files(domid: number): MachineFiles {
    return {
      memory: join(this.memoryDirectory, `domain-${domid}.memory`),
      checkpoint: join(this.directory, `qmp-libxl-${domid}`),
      command: this.store.path(domid, 'command.sock'),
      event: join(this.directory, `qmp-event-${domid}`),
      console: this.store.path(domid, 'console.sock'),
      consoleLog: this.store.path(domid, 'console.log'),
      pidFile: this.store.path(domid, 'qemu.pid'),
    }
  }

  /** A killed machine leaves its sockets lying about, and its memory in the host's. */
  async sweep(domid: number): Promise<void> {
    const { memory, checkpoint, command, event } = this.files(domid)
    for (const path of [memory, checkpoint, command, event]) await rm(path, { force: true })
  }

  async command<T>(domid: number, work: (qmp: Qmp) => Promise<T>, limitMs?: number): Promise<T> {
    await this.store.live(domid)
    const qmp = await Qmp.open(this.files(domid).command, limitMs)
    try {
      return await work(qmp)
    } finally {
      qmp.close()
    }
  }

  watch(domid: number): Promise<Qmp> {
    return Qmp.open(this.files(domid).event)
  }

  /** Resolves when devices and disks are in place, which is when QEMU greets; a machine that gives up says why. */
  async untilUp({ domid, process, spec }: DomainRecord): Promise<void> {
    for (const until = performance.now() + START_MS; performance.now() < until;) {
      try {
        await this.command(domid, () => Promise.resolve(), START_MS)
        return
      } catch (error) {
        if (!(await isAlive(process))) break
        if (!isUnreachable(error)) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const log = await textOf(this.store.path(domid, 'qemu.log'))
    throw new Error(`the machine of ${spec.name} did not come up: ${log.trim().split('\n').slice(-3).join('; ')}`)
  }
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof QmpError || hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED') || hasCode(error, 'ECONNRESET')
