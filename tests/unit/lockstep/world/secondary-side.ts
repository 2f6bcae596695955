import type { EpochReport } from '../../../../lib/wire/peer-epochs'
import { LockstepStandby } from '../../../../lib/daemon/worker/lockstep/lockstep-standby'
import { PAGE_BYTES, type ChangedPart } from '../../../../lib/ports/changed-memory'
import type { StandbyMachine } from '../../../../lib/ports/standby-machine'
import { Broken } from '../../checkpoint/world/judge'
import type { DiskChange, Down } from './link'
import { MEMORY_BYTES, memoryIn, stepIn } from './memory'
import type { World } from './world'

const LIMITS = { aside: { pressBytes: 1200, bytesMax: 8000 }, backlogMax: 1, partBytesMax: 100 * PAGE_BYTES }

/** The worker of the other host. */
export class SecondarySide {
  readonly lockstep: LockstepStandby<DiskChange>
  alive = true
  sealed = false
  readonly #disk: (() => void)[] = []
  readonly #toDo: (() => void)[] = []
  #standbys = 0

  constructor(
    private readonly world: World,
    readonly host: number,
  ) {
    this.lockstep = new LockstepStandby<DiskChange>(
      {
        vm: 'vm',
        prepare: ({ memoryBytes }) => {
          if (memoryBytes !== MEMORY_BYTES) throw new Broken('another memory')
          return this.#do(() => this.#machine(), 0.05)
        },
        send: (answer) => this.#send(answer),
        write: (change) => this.#write(change),
        dropped: () => world.met('dropped'),
        note: (text) => world.met(`note ${text}`),
      },
      LIMITS,
    )
  }

  get outlook(): 'load' | 'restart' | 'cannot' {
    return this.lockstep.outlook(this.world.witness.claim.run)
  }

  hears(frame: Down): void {
    this.world.moment(this, `hears ${frame.type}`)
    if (!this.alive) return
    if (frame.type === 'change') this.lockstep.change(frame.change, 1)
    else this.lockstep.frame(frame)
  }

  async takeOver(claimed: number | null): Promise<void> {
    const taken = await this.lockstep.takeOver(claimed)
    if (!this.alive) return
    if (taken.did === 'restart') this.world.restarted(this)
    else if (taken.did === 'cannot') throw new Broken(`a take-over came to nothing: ${taken.why}`)
  }

  /** Something that was begun is done: the replica's writes one by one. */
  work(): void {
    const isDisk = this.#disk.length > 0 && this.world.dice.chance(this.world.diskFirst)
    if (isDisk) this.#disk.shift()?.()
    else this.#toDo.shift()?.()
  }

  #send(answer: EpochReport): void {
    if (!this.alive) return
    this.world.moment(this, `sends ${answer.type}`)
    this.world.sendUp(answer)
  }

  #write(change: DiskChange): Promise<string> {
    return new Promise((resolve) => {
      this.#disk.push(() => {
        const fails = this.world.moment(this, 'writes')
        if (!this.alive) return
        if (fails && !this.sealed) {
          this.world.isUnfit = true
          resolve('EIO')
          this.world.lose()
          return
        }
        const disk = this.world.diskOf(this.host)
        if ('all' in change) disk.splice(0, disk.length, ...change.all)
        else disk[change.cell] = change.step
        if ('all' in change) this.world.isUnfit = false
        this.world.sendUp({ type: 'done', seq: change.seq })
        resolve('')
      })
    })
  }

  /** What fails while it takes over is a second failure. */
  #do<T>(act: () => T, probability: number): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#toDo.push(() => {
        const fails = this.world.moment(this, 'answer of the standby')
        if (!this.alive) return
        if ((fails || this.world.fault(probability)) && !this.sealed)
          reject(Object.assign(new Error('ENOMEM'), { code: 'ENOMEM' }))
        else resolve(act())
      })
    })
  }

  #machine(): StandbyMachine {
    if (++this.#standbys > 1) throw new Broken('two standbys at once')
    const memory = Buffer.alloc(MEMORY_BYTES)
    let step = 0
    let runs = false
    let isWhole = false
    return {
      fill: (parts) =>
        this.#do(() => {
          fill(memory, parts)
          // The first copy is filled as it comes, and nothing is left for its end.
          isWhole ||= parts.length === 0
          if (isWhole) this.world.filled(memory)
        }, 0.005),
      load: (state) => this.#do(() => void (step = stepIn(state)), 0),
      run: () =>
        this.#do(() => {
          runs = true
          this.world.loaded(this, memoryIn(memory), step)
        }, 0),
      end: () =>
        this.#do(() => {
          if (!runs) this.#standbys--
        }, 0),
    }
  }
}

function fill(memory: Buffer, parts: readonly ChangedPart[]): void {
  for (const { runs, bytes } of parts) {
    let at = 0
    for (const { offset, length } of runs) {
      bytes.copy(memory, offset, at, at + length)
      at += length
    }
  }
}
