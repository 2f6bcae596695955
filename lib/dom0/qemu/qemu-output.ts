import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { GuestOutput, GuestOutputEvents, HoldOutput, GuestFrame } from '../../ports/guest-output'
import { fields, flag } from '../../wire/shape'
import { failure, textOf } from '../system/system-error'
import {
  addFilters,
  connectSocket,
  filterNames,
  networkBackends,
  nextGeneration,
  presentFilters,
  removeOutputs,
  removeRest,
  type Filters,
} from './output-filters'
import type { QmpSession } from './qmp'
import { acceptOne, RedirectedNic } from './redirected-nic'

const LIMIT_MS = 5000
/** Of a guest that sends as fast as it can while a busy host sets this up; what is more is lost. */
const EARLY_FRAMES_MAX = 100_000
/** For a machine that was told to stand; it takes some turns of its loop. */
const STANDS_LIMIT_MS = 1000

export interface QemuOutputOptions {
  /** May be shared with a capture; it stays open. */
  readonly qmp: QmpSession
  /** For sockets; reachable by QEMU, for nobody else. */
  readonly folder: string
}

/**
 * Holds the output of a machine of QEMU; see docs/decisions/output-commit.md. Whoever held it before loses it, alive or dead, and nothing
 * passes meanwhile. Rejects as Qmp does, with Malformed, or with the system's error; what a
 * predecessor has held is thrown away then.
 */
export const qemuOutput =
  (options: QemuOutputOptions): HoldOutput =>
  (events) =>
    QemuOutput.hold(options, events)

class QemuOutput implements GuestOutput {
  private readonly nics: RedirectedNic[] = []
  /** Names of our sockets, and of the redirectors that use them. */
  private readonly made = new Set<string>()
  private lost: Error | null = null
  /** What came before anybody could release it; null from then on. */
  private early: GuestFrame[] | null = []

  private constructor(
    private readonly options: QemuOutputOptions,
    private readonly events: GuestOutputEvents,
    private readonly generation: number,
  ) {}

  static async hold(options: QemuOutputOptions, events: GuestOutputEvents): Promise<QemuOutput> {
    const { qmp } = options
    const former = await presentFilters(qmp)
    const output = new QemuOutput(options, events, nextGeneration(former))
    try {
      for (const [nic, netdev] of (await networkBackends(qmp)).entries()) await output.redirect(nic, netdev)
      output.check()
    } catch (error) {
      await output.undo(error)
      throw error
    }
    await output.replace(former)
    setImmediate(() => output.begin())
    return output
  }

  release(frames: readonly GuestFrame[]): void {
    for (const { nic, bytes } of frames) this.nics[nic]?.release(bytes)
  }

  /**
   * QEMU writes a frame in the same turn in which it takes it from the guest. But where a socket was full it answers `stop` while it
   * still writes, and takes more frames afterwards; it begins no other command before that is over. So one is asked, and then all is in our sockets.
   */
  async settled(): Promise<void> {
    this.check()
    await this.stands()
    await this.allRead()
    if (this.nics.some((nic) => nic.isTorn)) this.lose(failure('EPROTO', 'QEMU has not written the whole of a frame'))
    this.check()
  }

  async end(): Promise<void> {
    const { qmp } = this.options
    await removeOutputs(qmp, await this.present())
    // What came before that may still be released: nothing is lost, though it may be overtaken.
    await this.allRead()
    await Promise.all(this.nics.map((nic) => nic.finish()))
    await this.remove()
  }

  private async redirect(nic: number, netdev: string): Promise<void> {
    const { qmp, folder } = this.options
    const names = filterNames(this.generation, nic)
    const opened: Socket[] = []
    const socket = async (name: string): Promise<Socket> => {
      const path = join(folder, `${name}.socket`)
      const mine = await acceptOne(path, async () => {
        await connectSocket(qmp, name, path)
        this.made.add(name)
      })
      opened.push(mine)
      return mine
    }
    const events = {
      sent: (bytes: Buffer) => this.sent({ nic, bytes }),
      came: (bytes: Buffer) => this.came({ nic, bytes }),
      lost: (error: Error) => this.lose(error),
    }
    try {
      const [toNetwork, fromGuest, forGuest] = [await socket(names[0]), await socket(names[1]), await socket(names[2])]
      this.nics.push(new RedirectedNic({ toNetwork, fromGuest, forGuest }, events))
    } catch (error) {
      for (const each of opened) each.destroy()
      throw error
    }
    await addFilters(qmp, netdev, names)
  }

  /** When whoever asked has us. */
  private begin(): void {
    const { early } = this
    this.early = null
    for (const frame of early ?? []) this.events.sent(frame)
  }

  private sent(frame: GuestFrame): void {
    if (this.early === null) this.events.sent(frame)
    else if (this.early.length < EARLY_FRAMES_MAX) this.early.push(frame)
  }

  private came(frame: GuestFrame): void {
    if (this.early === null) this.events.came(frame)
  }

  /** Of a machine whose processors send frames themselves, QEMU answers `stop` before it stands. */
  private async stands(): Promise<void> {
    for (const until = performance.now() + STANDS_LIMIT_MS; performance.now() < until;) {
      const status = fields(await this.options.qmp.execute('query-status', {}, LIMIT_MS), 'status')
      if (!flag(status['running'], 'running')) return
    }
    throw failure('EBUSY', 'the machine runs')
  }

  /** A turn of the loop reads from each socket that has something. So after one that has read nothing, nothing is left. */
  private async allRead(): Promise<void> {
    await turn()
    for (let before = -1; before !== this.readBytes;) {
      before = this.readBytes
      await turn()
    }
  }

  private get readBytes(): number {
    return this.nics.reduce((sum, nic) => sum + nic.readBytes, 0)
  }

  /** What is thrown away of one interface must not pass by another. */
  private lose(error: Error): void {
    if (this.lost !== null) return
    this.lost = error
    for (const nic of this.nics) nic.destroy()
    this.events.failed(textOf(error))
  }

  private check(): void {
    if (this.lost !== null) throw this.lost
  }

  private async present(): Promise<Filters> {
    const { objects, sockets } = await presentFilters(this.options.qmp)
    const isMine = (name: string): boolean => this.made.has(name)
    return { objects: objects.filter(isMine), sockets: sockets.filter(isMine) }
  }

  private async remove(): Promise<void> {
    this.lost ??= failure('ECONNABORTED', 'the output is not held any more')
    for (const nic of this.nics) nic.destroy()
    await removeRest(this.options.qmp, await this.present())
  }

  /** Every interface is held by us as well; until now a predecessor's redirectors held it, alive or dead. */
  private async replace(former: Filters): Promise<void> {
    try {
      await removeOutputs(this.options.qmp, former)
      await removeRest(this.options.qmp, former)
    } catch (error) {
      // Ours stay, for the next one to find: what the guest sends is thrown away.
      for (const nic of this.nics) nic.destroy()
      throw error
    }
  }

  /** As it was before: it passes, or what a predecessor has left throws it away. */
  private async undo(why: unknown): Promise<void> {
    try {
      await removeOutputs(this.options.qmp, await this.present())
      await this.remove()
    } catch (error) {
      for (const nic of this.nics) nic.destroy()
      throw failure('EIO', `${textOf(why)}; and nothing could be let go: ${textOf(error)}`)
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
