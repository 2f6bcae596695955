import { closeSync, openSync, writeSync } from 'node:fs'
import { EPOCH_LIMITS } from '../../lib/core/checkpoint/epochs'
import type { EpochNews } from '../../lib/core/checkpoint/events'
import type { EpochLink } from '../../lib/daemon/worker/lockstep/outbox'
import { LockstepPrimary } from '../../lib/daemon/worker/lockstep/lockstep-primary'
import { LockstepStandby } from '../../lib/daemon/worker/lockstep/lockstep-standby'
import type { TakenOver } from '../../lib/daemon/worker/lockstep/standby-needs'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { loadState, standbyArguments } from '../../lib/dom0/qemu/qemu-standby'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import { systemTimers } from '../../lib/dom0/system/system-timers'
import type { Capturable } from '../../lib/ports/capture'
import type { GuestOutput, GuestOutputEvents } from '../../lib/ports/guest-output'
import type { StandbyMachine } from '../../lib/ports/standby-machine'
import type { EpochOrder, EpochReport } from '../../lib/wire/peer-epochs'
import { CountingMachine } from './counting-machine'

const LIMIT_MS = 10_000
const clock = { nowMs: () => performance.now() }

type Frame = EpochOrder | EpochReport

/**
 * Two machines of QEMU with the drivers of both sides between them, and no network: what the machine says on its serial line is the output
 * that waits for its epochs.
 */
export class LockstepPair {
  readonly primary: LockstepPrimary
  readonly standby: LockstepStandby<never>
  readonly news: EpochNews[] = []
  readonly errors: string[] = []
  readonly machine: CountingMachine
  /** The standby's. */
  waiting: CountingMachine | null = null
  /** What left. */
  out = ''
  /** What the machine had said at the pause of each epoch, by this test's own reading. */
  readonly said = new Map<number, string>()
  /** The claim's. */
  claimed: number | null = null
  /** The newest epoch of whose acknowledgement the primary knows. */
  confirmed = -1
  #isDead = false
  #standbys = 0
  #run = 76
  #queuedBytes = 0
  readonly #monitors: Qmp[] = []

  /** `watch` is told of each frame before it goes. */
  constructor(
    private readonly folder: string,
    private readonly watch: (frame: Frame) => void,
  ) {
    this.machine = new CountingMachine(folder, 'primary')
    const queuedBytes = (): number => this.#queuedBytes
    const link: EpochLink = {
      send: (frame) => this.#toStandby(frame),
      get queuedBytes() {
        return queuedBytes()
      },
    }
    this.primary = new LockstepPrimary(
      {
        ...{
          clock,
          timers: systemTimers,
          term: () => 1,
          newRun: () => ++this.#run,
          note: (text, error) => this.#note(text, error),
        },
        openCapture: () => this.#open(),
        holdOutput: (events) => Promise.resolve(this.#output(events)),
        link: () => (this.#isDead ? null : link),
        claim: (wish, run) => {
          setImmediate(() => {
            if (this.#isDead) return
            this.claimed = wish === 'lockstep' ? run : null
            this.primary.claimed(wish, run)
          })
        },
        ...{ answer: () => undefined, destroy: () => undefined, tell: (news) => this.#told(news) },
      },
      true,
      // A machine of this kind changes little: small pieces, so that much is on its way.
      { epochs: EPOCH_LIMITS, parts: { lookBytes: 256 * 4096, partBytes: 16 * 4096, queuedBytesMax: 1e6 } },
    )
    this.standby = new LockstepStandby<never>({
      ...{
        vm: 'counting',
        write: () => Promise.resolve(''),
        dropped: () => undefined,
        note: (text, error) => this.#note(text, error),
      },
      prepare: ({ way }) => this.#prepare(standbyArguments(way)),
      send: (report) => {
        if (this.#isDead) return
        this.watch(report)
        setImmediate(() => {
          if (this.#isDead) return
          if (report.type === 'epoch-ack') this.confirmed = report.epoch
          this.primary.frame(report)
        })
      },
    })
  }

  /** Its host is lost, this instant: nothing of it is done, sent or heard any more. */
  die(): void {
    if (this.#isDead) return
    this.#isDead = true
    void this.machine.kill()
  }

  get isDead(): boolean {
    return this.#isDead
  }

  async takeOver(): Promise<TakenOver> {
    this.standby.seal()
    const taken = await this.standby.takeOver(this.claimed)
    if (taken.did === 'load') this.errors.push(...[await taken.goOn(() => undefined)].filter((error) => error !== ''))
    return taken
  }

  async end(): Promise<void> {
    this.primary.close()
    for (const monitor of this.#monitors) monitor.close()
    await Promise.all([this.machine.kill(), this.waiting?.kill()])
  }

  #toStandby(frame: EpochOrder): void {
    if (this.#isDead) return
    this.watch(frame)
    const bytes = 64 + (frame.type === 'epoch-part' ? frame.data.length : 0)
    this.#queuedBytes += bytes
    // What was sent before a death may yet arrive.
    setImmediate(() => {
      this.#queuedBytes -= bytes
      this.standby.frame(frame)
    })
  }

  #told(news: EpochNews): void {
    if (!this.#isDead) this.news.push(news)
  }

  #note(text: string, error: string): void {
    if (!this.#isDead) this.errors.push(`${text}: ${error}`)
  }

  async #monitor(path: string): Promise<Qmp> {
    const qmp = await Qmp.open(path, LIMIT_MS)
    this.#monitors.push(qmp)
    return qmp
  }

  async #open(): Promise<Capturable> {
    const qmp = await this.#monitor(this.machine.monitor)
    const found = await probeQemu(qmp)
    if (!found.can) throw Object.assign(new Error(found.why.join('; ')), { code: 'ENOTSUP' })
    const capture = await QemuCapture.begin({ qmp, found, folder: this.folder, native: null })
    const { memoryBytes, way } = found
    return { capture: capture, memoryBytes, way }
  }

  #output(events: GuestOutputEvents): GuestOutput {
    this.out = this.machine.heard()
    let read = this.out.length
    return {
      release: (frames) => {
        if (!this.#isDead) this.out += frames.map(({ bytes }) => bytes.toString('latin1')).join('')
      },
      settled: () => {
        const heard = this.machine.heard()
        this.said.set(this.said.size, heard)
        if (heard.length > read) events.sent({ nic: 0, bytes: Buffer.from(heard.slice(read), 'latin1') })
        read = heard.length
        return Promise.resolve()
      },
      end: () => Promise.resolve(),
    }
  }

  async #prepare(more: readonly string[]): Promise<StandbyMachine> {
    const machine = new CountingMachine(this.folder, `standby${++this.#standbys}`, more)
    this.waiting = machine
    await machine.isUp()
    const qmp = await this.#monitor(machine.monitor)
    const memory = openSync(machine.memory, 'r+')
    return {
      domid: '1',
      fill: (parts) => {
        for (const { runs, bytes } of parts) {
          let at = 0
          for (const { offset, length } of runs) {
            writeSync(memory, bytes, at, length, offset)
            at += length
          }
        }
        return Promise.resolve()
      },
      load: (state) => loadState(qmp, state, this.folder),
      run: async () => {
        closeSync(memory)
        await qmp.execute('cont', {}, LIMIT_MS)
      },
      end: async () => {
        closeSync(memory)
        await machine.kill()
      },
    }
  }
}
