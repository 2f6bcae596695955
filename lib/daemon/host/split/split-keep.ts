import type { VmUuid, VolumeKey } from '../../../core/domain/ids'
import type { DaemonApi } from '../../../wire/daemon-api'
import type { Keeping } from '../../../wire/split-report'
import { hostNameOf } from '../names'
import { inventoryNow } from '../situation'
import { namedSide, refused, ruleOf, type SplitNeeds, type SplitSide, splitVm, type SplitVm, withSides } from './split-sides'

const FORWARD_LIMIT_MS = 15_000
const LOOK_EVERY_MS = 1000
/** A host that copies a large image is slow to answer; one that never does is not waited for. */
const SILENT_LOOKS_MAX = 60

/** Carries out what the operator chose, on the host that holds the claim. */
export class SplitKeeper {
  readonly #keepings = new Map<VmUuid, Keeping>()

  constructor(private readonly needs: SplitNeeds) {}

  of(vm: VmUuid): Keeping | null {
    return this.#keepings.get(vm) ?? null
  }

  async keep(ask: DaemonApi['split-keep']['ask']): Promise<DaemonApi['split-keep']['answer']> {
    const { parts } = this.needs
    const found = await splitVm(this.needs, ask.vm)
    const { vm } = found
    const { holder } = found.stored.claim
    if (holder !== parts.host) return parts.askPeer(holder, 'split-keep', ask, FORWARD_LIMIT_MS)
    const of = await withSides(this.needs, found, false)
    const wanted = namedSide(of, ask.host)
    const unwanted = of.sides.find((side) => side !== wanted)
    if (unwanted === undefined) throw refused(`VM ${of.name}`, 'One host alone keeps its replicas.', 'Nothing needs to be done.')
    const split = this.#mayBeKept(of, wanted, unwanted)
    const discard = ask.discard ?? false
    const keeping: Keeping = { host: wanted.host, by: ask.by.slice(0, 80), state: 'copying-aside', why: '', folders: [] }
    const apart = split.some((key) => !ruleOf(of, key).met)
    if (!discard && !apart) for (const key of split) await this.#beginAside(of, unwanted, key)
    this.#keepings.set(vm, keeping)
    this.#record(
      vm,
      'split-chosen',
      `${keeping.by} chose the history of ${wanted.name}; that of ${unwanted.name} is ${discard ? 'discarded' : 'kept aside'}.`,
      keeping,
    )
    void this.#carryOut(of.vm, keeping, () =>
      apart ? this.#putAway(of, unwanted, split, !discard) : this.#giveUp(of, unwanted, split, discard),
    )
    return { vm }
  }

  /** What is to be given up; throws a Refusal where that may not be. */
  #mayBeKept(of: SplitVm, wanted: SplitSide, unwanted: SplitSide): readonly VolumeKey[] {
    const what = `VM ${of.name}`
    const holds = (side: SplitSide): boolean => side.host === this.needs.parts.host
    const volumes = of.sides.find(holds)?.volumes
    if (volumes == null) throw refused(what, 'Its worker on this host does not answer.', 'Repeat it when it does.')
    if (this.#keepings.get(of.vm)?.state === 'copying-aside')
      throw refused(what, 'A choice is being carried out.', `See how far it is: holdfast split ${of.name}`)
    const split = of.records.map(({ key }) => key).filter((key) => ruleOf(of, key).rule !== null)
    if (split.length === 0) throw refused(what, 'No two histories of it have met.', 'Nothing needs to be done.')
    if (unwanted.volumes === null) throw refused(what, `${unwanted.name} does not answer.`, 'Bring it back, then repeat.')
    if (unwanted.volumes.some(({ exported }) => exported !== null))
      throw refused(
        what,
        `The replica of ${unwanted.name} is being exported.`,
        `End it: holdfast split ${of.name} --export ${unwanted.name} --end`,
      )
    if (holds(wanted)) return split
    if (split.some((key) => !ruleOf(of, key).met))
      throw refused(
        what,
        `The replica of ${wanted.name} is not connected, and this host cannot read it.`,
        `Copy what is wanted from: holdfast split ${of.name} --export ${wanted.name}`,
      )
    if (inventoryNow(this.needs.parts).vms.find(({ uuid }) => uuid === of.vm)?.powerState !== 'Halted')
      throw refused(
        what,
        `It is not halted, and lives from the replica of ${unwanted.name}: what the guest believes would change under it.`,
        'Shut it down, then repeat. It is started again as usual.',
      )
    if (split.length < of.records.length)
      throw refused(
        what,
        `Not all of its disks are split: ${wanted.name} has got the others from ${unwanted.name} already, and would mix two histories.`,
        `Copy what is wanted from: holdfast split ${of.name} --export ${wanted.name}`,
      )
    return split
  }

  async #beginAside(of: SplitVm, { host }: SplitSide, volume: VolumeKey): Promise<void> {
    const { parts, fleet } = this.needs
    if (host === parts.host) await fleet.ask(of.vm, 'split-keep-aside', { volume }, FORWARD_LIMIT_MS)
    else await parts.askPeer(host, 'split-aside', { vm: of.vm, volume }, FORWARD_LIMIT_MS)
  }

  async #carryOut(vm: VmUuid, keeping: Keeping, act: () => Promise<readonly string[]>): Promise<void> {
    try {
      this.#keepings.set(vm, { ...keeping, state: 'done', folders: await act() })
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#keepings.set(vm, { ...keeping, state: 'failed', why: error.message })
      this.#record(vm, 'split-choice-failed', `Nothing more was given up: ${error.message}`, keeping)
    }
  }

  /** They are connected: what differs is overwritten in place. */
  async #giveUp(of: SplitVm, unwanted: SplitSide, split: readonly VolumeKey[], discard: boolean): Promise<readonly string[]> {
    const { parts, fleet } = this.needs
    if (!discard) await this.#asidesMade(of, unwanted, split)
    const side = unwanted.host === parts.host ? 'local' : 'peer'
    for (const volume of split) await fleet.ask(of.vm, 'give-up', { volume, side })
    return []
  }

  /** They cannot meet as they are: a new replica takes the place of the unwanted one. */
  async #putAway(of: SplitVm, unwanted: SplitSide, split: readonly VolumeKey[], keep: boolean): Promise<readonly string[]> {
    const ask = { vm: of.vm, volumes: split, keep }
    return (await this.needs.parts.askPeer(unwanted.host, 'split-put-away', ask, FORWARD_LIMIT_MS)).folders
  }

  /** Rejects when one of them cannot be made. */
  async #asidesMade(of: SplitVm, { host, name }: SplitSide, split: readonly VolumeKey[]): Promise<void> {
    for (let silent = 0; silent < SILENT_LOOKS_MAX;) {
      const { sides } = await withSides(this.needs, of, false)
      const volumes = sides.find((side) => side.host === host)?.volumes ?? null
      silent = volumes === null ? silent + 1 : 0
      const asides = split.map((key) => volumes?.find((each) => each.key === key)?.aside ?? null)
      const failed = asides.find((aside) => aside?.state === 'failed')
      if (failed != null) throw refused(`VM ${of.name}`, failed.why, 'Make room there, or repeat it with --discard.')
      if (volumes !== null && asides.includes(null))
        throw refused(`VM ${of.name}`, `The worker of ${name} was started again meanwhile.`, 'Repeat it.')
      if (asides.every((aside) => aside?.state === 'done')) return
      await this.needs.parts.timers.pause(LOOK_EVERY_MS)
    }
    throw refused(`VM ${of.name}`, `${name} does not answer any more.`, 'Bring it back, then repeat.')
  }

  #record(vm: VmUuid, act: string, text: string, { host, by }: Keeping): void {
    const evidence = { wanted: hostNameOf(this.needs.parts, host), by }
    this.needs.parts.timeline.record({ vm, act, rule: 'operator-chose', text, evidence })
  }
}
