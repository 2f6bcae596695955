import { must } from '../../../../lib/core/domain/assert'
import { DirtyBitmap } from '../../../../lib/core/domain/dirty-bitmap'
import type { Presence, ReplicaRequest } from '../../../../lib/core/domain/replica-request'
import type { KeeperEffect, KeeperEvent } from '../../../../lib/core/replica/events'
import { Keeper } from '../../../../lib/core/replica/keeper'
import type { Save, Storage } from './storage'

/** Something that is on its way, and happens when its turn comes. */
export type Later = (what: string, act: () => void) => void
type Done = (data: Buffer | null) => void

/** An open replica: its keeper before its storage. */
export class Seat {
  readonly #keeper: Keeper
  readonly #asked = new Map<number, { request: ReplicaRequest; done: Done }>()
  /** Whose requests it hears. */
  primary = ''
  #lastId = 0
  #cacheKept: boolean
  #ready: () => void = () => undefined
  #bootDue = false

  /** `ready`: it can be told of. */
  constructor(
    private readonly name: string,
    private readonly storage: Storage,
    private readonly later: Later,
    readonly incarnation: string,
    ready: () => void,
  ) {
    const { sizeBytes, head, hot, pages } = storage
    this.#cacheKept = head.boot !== '' && (head.boot === this.#boot || hot.length === 0)
    storage.head = { ...head, boot: this.#cacheKept ? this.#boot : '' }
    this.#keeper = new Keeper({ sizeBytes, ...storage.head, tracking: { hot, pages } })
    this.newPrimary(ready)
  }

  get presence(): Presence {
    const { state, generations } = this.#keeper
    return { identity: this.name, incarnation: this.incarnation, state, generations, cacheKept: this.#cacheKept }
  }

  get bits(): DirtyBitmap {
    const bits = new DirtyBitmap(this.storage.sizeBytes)
    bits.merge(this.#keeper.bits)
    return bits
  }

  ask(seq: number, request: ReplicaRequest, done: Done): void {
    const id = ++this.#lastId
    this.#asked.set(id, { request, done })
    if (request.kind === 'mark' && request.mark.bits === 'none') this.#bootDue = true
    this.apply({ on: 'ask', id, seq, request })
  }

  newPrimary(ready: () => void): void {
    this.#ready = ready
    this.apply({ on: 'new-primary' })
  }

  apply(event: KeeperEvent): void {
    for (const effect of this.#keeper.apply(event)) this.#run(effect)
  }

  get #boot(): string {
    return `start ${this.storage.machine}`
  }

  #run(effect: KeeperEffect): void {
    if (effect.do === 'ready') this.#ready()
    else if (effect.do === 'perform') this.#perform(this.#take(effect.id))
    else if (effect.do === 'marked') this.#take(effect.id).done(null)
    else if (effect.do === 'cancel') this.#take(effect.id)
    else this.#save(effect)
  }

  #take(id: number): { request: ReplicaRequest; done: Done } {
    const asked = must(this.#asked.get(id), 'it was asked for')
    this.#asked.delete(id)
    return asked
  }

  #perform({ request, done }: { request: ReplicaRequest; done: Done }): void {
    this.later(`${this.name} ${request.kind}`, () => done(this.storage.perform(request)))
  }

  #save(save: Save): void {
    // As a worker does: a replica that lacks nothing has lost nothing.
    const boot = save.do === 'save-head' && this.#bootDue ? this.#boot : null
    if (boot !== null) [this.#bootDue, this.#cacheKept] = [false, true]
    this.later(`${this.name} notes ${noted(save)}`, () => {
      this.storage.save(save)
      if (boot !== null) this.storage.head = { ...this.storage.head, boot }
      this.apply({ on: 'saved' })
    })
  }
}

function noted(save: Save): string {
  if (save.do === 'save-hot') return `${save.extents.length} hot extents`
  if (save.do === 'save-pages') return 'pages'
  const { state, generations } = save.change
  if (generations === undefined) return state ?? 'nothing more'
  const { current, bitmap, former } = generations
  return `${state === undefined ? '' : `${state} `}${current}<${bitmap || '-'}${former === '' ? '' : `/${former}`}`
}
