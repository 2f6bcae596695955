import type { StandbyEffect, StandbyEvent } from '../../../../lib/core/checkpoint/standby-events'
import { Standby } from '../../../../lib/core/checkpoint/standby'
import type { Memory } from './guest'
import type { DiskChange, Down } from './link'
import type { World } from './world'

interface Parts {
  memory: Memory | null
  device: number | null
}

/** The worker of the other host, and the standby that it fills. */
export class Secondary {
  readonly #standby = new Standby<DiskChange>({
    aside: { pressBytes: 1200, bytesMax: 8000 },
    ...{ backlogMax: 1, partBytesMax: 100 },
  })
  alive = true
  sealed = false
  readonly #parts = new Map<number, Parts>()
  #standbyParts: Parts = { memory: null, device: null }
  #writing: DiskChange[] = []
  #isWriting = false
  readonly #toDo: (() => void)[] = []

  constructor(
    private readonly world: World,
    readonly host: number,
  ) {}

  get outlook(): 'load' | 'restart' | 'cannot' {
    return this.#standby.outlook(this.world.witness.claim.run)
  }

  hears(frame: Down): void {
    if (frame.on === 'begin') this.#parts.clear()
    if (frame.on === 'part') {
      const parts = this.#partsOf(frame.epoch)
      if (frame.kind === 'memory') parts.memory = frame.payload as Memory
      else parts.device = frame.payload as number
    }
    this.tell(frame)
  }

  tell(event: StandbyEvent<DiskChange>): void {
    if (!this.alive) return
    this.world.met(`standby ${event.on}`)
    for (const effect of this.#standby.apply(event)) this.#do(effect)
  }

  #partsOf(epoch: number): Parts {
    const parts = this.#parts.get(epoch) ?? { memory: null, device: null }
    this.#parts.set(epoch, parts)
    return parts
  }

  #do(effect: StandbyEffect<DiskChange>): void {
    const { world } = this
    world.met(`standby does ${effect.do}`)
    switch (effect.do) {
      case 'prepare':
        this.#toDo.push(() => this.tell({ on: 'prepared', run: effect.run, error: world.fault(0.05) ? 'ENOMEM' : '' }))
        return
      case 'apply':
        this.#toDo.push(() => this.#applyParts(effect.run, effect.epoch))
        return
      case 'write':
        this.#writing = [...effect.changes]
        this.#isWriting = true
        return
      case 'forget':
      case 'dropped':
        return
      case 'begun':
      case 'left':
      case 'press':
        world.sendUp({ say: effect.do, run: effect.run })
        return
      case 'ack':
        world.sendUp({ say: 'ack', run: effect.run, epoch: effect.epoch })
        return
      case 'failed':
        world.sendUp({ say: 'failed', run: effect.run, error: effect.error })
        return
      case 'load':
        this.#load()
        return
      case 'restart':
        world.restarted(this)
        return
      case 'cannot':
        world.met('cannot')
        return
    }
  }

  #applyParts(run: number, epoch: number): void {
    if (!this.sealed && this.world.fault(0.01)) {
      this.tell({ on: 'applied', run, epoch, error: 'ENOMEM' })
      return
    }
    this.#standbyParts = { ...this.#partsOf(epoch) }
    this.tell({ on: 'applied', run, epoch, error: '' })
  }

  /** It takes a while, in which the worker goes on hearing its peer. */
  #load(): void {
    const { memory, device } = this.#standbyParts
    this.#toDo.push(() => this.world.loaded(this, memory, device))
  }

  /** Something that was begun is done: the replica's writes one by one. */
  work(): void {
    if (this.#isWriting && this.world.dice.chance(this.world.diskFirst)) this.#write()
    else this.#toDo.shift()?.()
  }

  #write(): void {
    const disk = this.world.diskOf(this.host)
    const change = this.#writing.shift()
    if (change === undefined) {
      this.#isWriting = false
      this.tell({ on: 'written', error: '' })
      return
    }
    if ('all' in change) disk.splice(0, disk.length, ...change.all)
    else disk[change.cell] = change.step
    this.world.sendUp({ say: 'done', seq: change.seq })
  }
}
