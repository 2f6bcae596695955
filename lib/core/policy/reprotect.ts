import type { HostUuid, VmUuid } from '../domain/ids'
import type { TimelineEntry } from '../domain/timeline'

/** A protected VM whose claim this host holds, as one look finds it. */
export interface KeptVm {
  readonly vm: VmUuid
  /** The other host that is to keep its copies. */
  readonly secondary: HostUuid
  /** Neither its daemon nor its worker is heard. */
  readonly isSilent: boolean
  /** The claim lists both hosts for every disk. */
  readonly isWhole: boolean
  /** What has to be over first, and will be; empty: nothing. */
  readonly waitsFor: string
  /** Why it is left to people, a sentence; empty: it is not. */
  readonly leftBecause: string
}

export type ReprotectEvent =
  /** Every second. In the order in which VMs are to be looked after. `waitsFor`: as of a VM, for all of them. */
  | { readonly on: 'look'; readonly vms: readonly KeptVm[]; readonly waitsFor: string }
  /** Answers to `reprotect`. */
  | { readonly on: 'begun'; readonly vm: VmUuid }
  /** `passes`: in a moment, so it is tried again soon, and nobody is told. */
  | { readonly on: 'refused'; readonly vm: VmUuid; readonly why: string; readonly passes: boolean }

export type ReprotectEffect =
  | { readonly do: 'reprotect'; readonly vm: VmUuid; readonly lost: HostUuid; readonly silentMs: number }
  | { readonly do: 'record'; readonly entry: Omit<TimelineEntry, 'at' | 'host'> }

/** After a refusal; twice as much after each further one. */
const AGAIN_FIRST_MS = 30_000
const AGAIN_LONGEST_MS = 600_000
const SOON_MS = 5000
/** A first copy holds the next VM's up for so long; copies of large disks go on side by side. */
const COPY_ALONE_MS = 300_000

interface Loss {
  readonly secondary: HostUuid
  readonly sinceMs: number
  againAtMs: number
  againMs: number
  told: string
}

/**
 * When a VM whose secondary is lost gets another one: after `afterMs` of silence, one VM at a time. A host that is heard again before that
 * changes nothing: it lacks only what it missed. One per host, for the VMs whose claim it holds; knows nothing after a restart but
 * what it sees. Times are monotonic milliseconds.
 */
export class Reprotect {
  readonly #losses = new Map<VmUuid, Loss>()
  #asked: VmUuid | null = null
  #copying: { readonly vm: VmUuid; readonly untilMs: number } | null = null

  /** 0: never. */
  constructor(private readonly afterMs: number) {}

  /** The VM whose new secondary is being given its first copy; null: none that the next one waits for. */
  get copying(): VmUuid | null {
    return this.#copying?.vm ?? null
  }

  apply(event: ReprotectEvent, atMs: number): readonly ReprotectEffect[] {
    switch (event.on) {
      case 'look':
        return this.#look(event, atMs)
      case 'begun':
        this.#asked = null
        this.#losses.delete(event.vm)
        this.#copying = { vm: event.vm, untilMs: atMs + COPY_ALONE_MS }
        return []
      case 'refused':
        return this.#refused(event, atMs)
    }
  }

  #look({ vms, waitsFor }: Extract<ReprotectEvent, { on: 'look' }>, atMs: number): ReprotectEffect[] {
    for (const vm of this.#losses.keys()) if (!vms.some((each) => each.vm === vm)) this.#losses.delete(vm)
    for (const each of vms) this.#seen(each, atMs)
    if (this.afterMs === 0 || waitsFor !== '') return []
    const lost = vms.flatMap((each) => {
      const loss = this.#losses.get(each.vm)
      return loss !== undefined && atMs >= loss.sinceMs + this.afterMs ? [{ ...each, loss }] : []
    })
    const told = lost.flatMap(({ leftBecause, loss, ...each }) =>
      leftBecause === '' ? [] : this.#tell(each.vm, loss, 'left-to-the-operator', leftBecause, atMs),
    )
    if (this.#asked !== null || this.#isCopying(vms, atMs)) return told
    const next = lost.find((each) => each.leftBecause === '' && each.waitsFor === '' && atMs >= each.loss.againAtMs)
    if (next === undefined) return told
    this.#asked = next.vm
    return [...told, { do: 'reprotect', vm: next.vm, lost: next.secondary, silentMs: atMs - next.loss.sinceMs }]
  }

  #seen({ vm, secondary, isSilent }: KeptVm, atMs: number): void {
    const loss = this.#losses.get(vm)
    if (!isSilent) this.#losses.delete(vm)
    else if (loss?.secondary !== secondary)
      this.#losses.set(vm, { secondary, sinceMs: atMs, againAtMs: atMs, againMs: AGAIN_FIRST_MS, told: '' })
  }

  #isCopying(vms: readonly KeptVm[], atMs: number): boolean {
    const copying = this.#copying
    const seen = vms.find(({ vm }) => vm === copying?.vm)
    if (copying !== null && (atMs >= copying.untilMs || seen === undefined || seen.isWhole || seen.isSilent)) this.#copying = null
    return this.#copying !== null
  }

  #refused({ vm, why, passes }: Extract<ReprotectEvent, { on: 'refused' }>, atMs: number): ReprotectEffect[] {
    this.#asked = null
    const loss = this.#losses.get(vm)
    if (loss === undefined) return []
    loss.againAtMs = atMs + (passes ? SOON_MS : loss.againMs)
    if (passes) return []
    loss.againMs = Math.min(2 * loss.againMs, AGAIN_LONGEST_MS)
    return this.#tell(vm, loss, 'refused', why, atMs)
  }

  /** Once for each reason. */
  #tell(vm: VmUuid, loss: Loss, rule: string, why: string, atMs: number): ReprotectEffect[] {
    if (loss.told === why) return []
    loss.told = why
    const silentSeconds = Math.round((atMs - loss.sinceMs) / 1000)
    const text = `Its secondary is lost, and no other host takes its place: ${why}`
    const evidence = { lost: loss.secondary, silentSeconds }
    return [{ do: 'record', entry: { vm, act: 'secondary-not-replaced', rule, text, evidence } }]
  }
}
