import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import type { SrUuid, VolumeKey } from '../../../lib/core/domain/ids'
import { PORTS } from '../../../lib/core/domain/layout'
import type { TimelineEntry } from '../../../lib/core/domain/timeline'
import { Dice } from '../../world/prng'
import { Schedule } from '../../world/schedule'
import { Broken } from '../mirror/broken'
import { must } from '../mirror/must'
import { Air } from './air'
import { ClaimJudge } from './judge-claims'
import { Roads } from './lanes-between'
import { Machine } from './machine'
import { hostOf, HOST_NAMES, type MachineName, nameOf, POOL } from './names'
import { Operator } from './operator'
import { Doors } from './peer-port'
import { drawPoolPlan, type Plan } from './plan'
import type { Fault, Moment } from './trouble'
import { Vm } from './vm'
import { Watcher } from './watcher'
import { WitnessHost } from './witness-host'
import { Database } from './xapi-database'
import type { Ticking } from './process'
import { SR } from './storage'

const OPERATOR_LOOKS_MS = 3000
const STATUS_EVERY_MS = 1500

/** As a configuration has them. */
export const witnessNames = ({ plan }: Pick<PoolWorld, 'plan'>): { witness: string; alternateWitness: string | null } => ({
  witness: 'w1',
  alternateWitness: plan.pair === null ? null : 'w2',
})

/** A pool of hosts, their witnesses, their VMs: all that one seed draws. Whatever runs on a host is production code. */
export class PoolWorld {
  readonly dice: Dice
  readonly plan: Plan
  readonly schedule = new Schedule()
  /** The preferred one first. */
  readonly witnesses: readonly WitnessHost[]
  readonly roads: Roads
  readonly doors: Doors
  readonly air: Air
  readonly machines: readonly Machine[]
  readonly vms: readonly Vm[]
  readonly #claims: ClaimJudge
  /** Something has happened at which a fault would hurt. */
  onMoment: (moment: Moment, vm: Vm) => void = () => undefined
  /** How likely nobody at XAPI answers. */
  xapiSilence = 0
  /** How likely a power switch does not answer, or does nothing. */
  switchSilence = 0.1
  readonly #reigns = new Set<number>()
  #generations = 0
  #uuids = 0

  constructor(
    seed: number,
    private readonly listens: { readonly probe: (name: string) => void; readonly say: ((line: string) => void) | null },
    trouble: readonly Fault[] | null,
  ) {
    this.dice = new Dice(seed)
    this.plan = drawPoolPlan(this.dice, new Dice(~seed), trouble)
    this.roads = new Roads(this, this.plan.lanesMs)
    this.doors = new Doors(this.roads)
    this.air = new Air(this, this.roads, 1 + (this.plan.lanesMs[0] ?? 0))
    const stored = (record: ClaimRecord, by: WitnessHost): void => this.#stored(record, by)
    this.witnesses = Object.values(witnessNames(this)).flatMap((name) =>
      name === null ? [] : new WitnessHost(name, this, this.#ticking(), this.plan.witnessMs, stored),
    )
    this.machines = HOST_NAMES.slice(0, this.plan.hosts).map((name) => new Machine(this, name))
    this.#claims = new ClaimJudge(this)
    this.vms = this.plan.homes.map((homes, index) => new Vm(this, index, homes))
  }

  /** Of one machine's clock. */
  clockRate(): number {
    return 1 + (this.dice.fraction() - 0.5) * (this.plan.clocksLie ? 0.4 : 1 / 110)
  }

  #ticking(): Ticking {
    const { schedule } = this
    const rate = this.clockRate()
    return {
      rate,
      get nowMs() {
        return schedule.now * rate
      },
    }
  }

  start(): void {
    for (const vm of this.vms) {
      const [first, second] = vm.homes.map((name) => this.machine(name))
      for (const machine of [first, second]) machine?.addStore(vm)
      this.#makeReplicas(vm)
      this.#catalogue(vm)
    }
    for (const witness of this.witnesses) witness.start()
    for (const machine of this.machines) {
      machine.xapi.database = Database.of(this.vms, ({ homes }) => hostOf(homes[0]))
      machine.powerOn()
    }
    for (const vm of this.vms) for (const name of vm.homes) this.#serves(this.machine(name), vm)
    new Operator(this, OPERATOR_LOOKS_MS).start()
    new Watcher(this, STATUS_EVERY_MS).start()
  }

  /** Nothing has happened yet: what starts has been there for long. */
  get isYoung(): boolean {
    return this.schedule.now === 0
  }

  /** Nothing keeps the machine from being heard by the others, but for what they are. */
  isInOrder({ name }: Machine): boolean {
    if (this.air.loss > 0 || [...this.air.muted].some((way) => way.includes(name))) return false
    const others = this.machines.filter((each) => each.name !== name)
    return others.every((other) => this.roads.between(name, other.name).lanes.lanes.every(({ up }) => up))
  }

  machine(name: MachineName): Machine {
    return must(
      this.machines.find((machine) => machine.name === name),
      'every home is a machine',
    )
  }

  vmWith(volume: VolumeKey): Vm {
    return must(
      this.vms.find((vm) => vm.volume === volume),
      'every volume is a disk of a VM',
    )
  }

  /** One reign has one coordinator. */
  promoted({ name, xapi }: Machine): void {
    const reign = xapi.office.reign + 1
    this.say(() => `${name} becomes the coordinator, reign ${reign}`)
    this.probe('promoted')
    for (const vm of this.vms) this.onMoment('promoted', vm)
    if (this.#reigns.has(reign)) throw new Broken('one coordinator', `${name} is the second one of reign ${reign}`)
    this.#reigns.add(reign)
  }

  vmOf(uuid: string): Vm {
    return must(
      this.vms.find((vm) => vm.uuid === uuid),
      'every claim is of a VM',
    )
  }

  claimOf(vm: Vm): Claim | null {
    return this.#claims.deciding(vm.uuid)?.claim ?? null
  }

  /** Of two; null: no claim is stored. */
  deciderOf(vm: Vm): WitnessHost | null {
    return this.#claims.deciding(vm.uuid)?.by ?? null
  }

  newUuid(): string {
    return `66666666-0000-4000-8000-${(++this.#uuids).toString(16).padStart(12, '0')}`
  }

  newGeneration(): string {
    return (++this.#generations).toString(16).padStart(16, '0')
  }

  /** What a process of that machine tells the operator. */
  recorded({ name }: Machine, { vm, act, rule, text, evidence }: Omit<TimelineEntry, 'at' | 'host'>): void {
    this.probe(`${act}: ${rule}`)
    this.say(() => `${name} tells: ${text} (${act}: ${rule})`)
    const about = this.vms.find(({ uuid }) => uuid === vm)
    if (about === undefined) return
    const { host } = evidence
    // A primary that has not been told who its peer is calls it so.
    const on = host === 'peer' ? about.otherHome(name) : typeof host === 'string' ? nameOf(host) : name
    about.judge.noted(about.side(on), { act, rule }, 0)
    if (act === 'takeover-begun') this.onMoment('asked-to-take', about)
    if (act === 'resync-started') this.onMoment('resync', about)
    if (act === 'guest-frozen') this.onMoment('frozen', about)
    if (act === 'secondary-replica-failed' || (act === 'replica-failed' && on === name))
      about.judge.damage.impaired(about.side(name), true)
  }

  probe(name: string): void {
    this.listens.probe(name)
  }

  readonly say = (text: () => string): void => {
    if (this.listens.say !== null) this.listens.say(`${this.schedule.now.toFixed(2).padStart(9)} ${text()}`)
  }

  #stored(record: ClaimRecord, by: WitnessHost): void {
    const before = this.#claims.deciding(record.kind === 'stored' ? record.claim.vm : record.vm)
    if (!this.#claims.stored(record, by)) return
    if (record.kind !== 'stored') {
      this.say(() => `stored at ${by.name}: no claim of ${record.vm} any more`)
      this.vms.find(({ uuid }) => uuid === record.vm)?.removed()
      return
    }
    const { claim } = record
    this.say(
      () =>
        `stored at ${by.name}: ${nameOf(claim.holder)} term ${claim.term} of ${Object.values(claim.upToDate).flat().map(nameOf).join('')}`,
    )
    const vm = this.vms.find(({ uuid }) => uuid === claim.vm)
    if (vm === undefined) return
    if (before !== null && before.by !== by) this.onMoment('carried', vm)
    const listed = vm.judge.listed.length
    vm.takenInTime(claim)
    vm.stored(claim)
    if (vm.term > 0 && vm.term < claim.term) this.onMoment('taken', vm)
    else if (vm.judge.listed.length !== listed) this.onMoment(vm.judge.listed.length < listed ? 'listed-less' : 'listed-more', vm)
    vm.term = claim.term
  }

  #makeReplicas(vm: Vm): void {
    const { startsInStep, leaseMs } = this.plan
    const generations = { current: this.newGeneration(), bitmap: '', former: '', history: [] }
    const homes = vm.homes.map((name) => this.machine(name))
    for (const [index, machine] of homes.entries()) {
      if (index > 0 && !startsInStep) continue
      const { notes } = machine.store(vm.volume)
      machine.store(vm.volume).make()
      if (notes.noted === null) continue
      notes.noted = { ...notes.noted, state: 'up-to-date', ...(startsInStep ? { generations } : {}) }
    }
    if (!startsInStep) vm.judge.copies.mayCopyAll('b')
    const upToDate = { [vm.volume]: homes.slice(0, startsInStep ? 2 : 1).map(({ uuid }) => uuid) }
    const claim: Claim = { vm: vm.uuid, term: 1, holder: hostOf(vm.homes[0]), leaseMs, upToDate, lockstep: null }
    this.witnesses[0]?.keep({ kind: 'stored', pool: POOL, revision: vm.index + 1, claim })
  }

  /** The pool has run for long when its story begins. */
  #serves(machine: Machine, vm: Vm): void {
    const port = PORTS.peerFirst + vm.index
    const other = hostOf(vm.otherHome(machine.name))
    machine.storage.isAttached = true
    machine.workers.specs.set(vm.uuid, {
      ...{ format: 1, id: vm.uuid, pool: POOL, host: machine.uuid, vm: vm.uuid, ...witnessNames(this), poolKeyFile: null },
      ...{ timelineFile: '', volumes: [{ key: vm.volume, sizeBytes: this.plan.sizeBytes, path: '' }], attached: {} },
      listen: { port, addresses: [machine.uuid] },
      peer: { host: other, addresses: [other], port },
    })
    machine.workers.start(vm.uuid, this.dice.fraction() * 50)
  }

  /** As the daemons of all hosts have it written down. */
  #catalogue(vm: Vm): void {
    const homes = vm.homes.map(hostOf)
    for (const { storage } of this.machines)
      storage.records.set(vm.volume, {
        ...{
          key: vm.volume,
          sr: SR as SrUuid,
          name: 'disk',
          description: '',
          sizeBytes: this.plan.sizeBytes,
          sharable: false,
          keys: {},
        },
        ...{ vm: vm.uuid, level: 'restart', homes, deleted: false, version: 3, author: hostOf(vm.homes[0]) },
      })
  }
}
