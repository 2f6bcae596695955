import type { HostStatus, StatusReport } from '../../../lib/wire/daemon-api'
import { Broken } from '../mirror/broken'
import type { Machine } from './machine'
import { Process } from './process'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

const ASK_MS = 10_000
/** What is told may have been so when it was looked at. */
const OLD_MS = 3000

/** An operator who asks for the status again and again, and believes it. */
export class Watcher {
  /** Of each host and VM: the last turn of the dial that it was seen to know of. */
  readonly #told = new Map<string, number>()

  constructor(
    private readonly world: PoolWorld,
    private readonly everyMs: number,
  ) {}

  start(): void {
    const { schedule, dice } = this.world
    schedule.after(this.everyMs * (0.5 + dice.fraction()), () => {
      this.start()
      const machine = dice.of(this.world.machines)
      if (machine.powered) void this.#ask(machine)
    })
  }

  async #ask(machine: Machine): Promise<void> {
    const sinceMs = this.world.schedule.now - OLD_MS
    const report = await machine.asked(new Process(this.world, machine, machine.life), 'status', {}, ASK_MS)
    if (report !== null) for (const vm of this.world.vms) this.#reads(vm, report, sinceMs)
  }

  /** A host that was told of what the operator was told is accepted does not forget it. */
  #knows(vm: Vm, by: string, level: string): boolean {
    const { accepted, turn } = vm.typist
    if (accepted !== 'restart') return false
    const key = `${by} ${vm.index}`
    if (level === accepted) this.#told.set(key, turn)
    return (this.#told.get(key) ?? 0) === turn
  }

  #reads(vm: Vm, { host, hosts, vms }: StatusReport, sinceMs: number): void {
    const told = vms.find((each) => each.vm === vm.uuid)
    if (told === undefined) return
    const by = hosts.find(({ uuid }: HostStatus) => uuid === host)?.name ?? host
    this.world.probe(`status: ${told.health}`)
    this.world.say(() => `${by} says of vm${vm.index}: ${told.level}, ${told.health} ${told.reason}`)
    if (this.#knows(vm, by, told.level) && told.level !== 'restart')
      throw new Broken('no silent weakening', `${by} says that vm${vm.index} is ${told.level}`)
    if (told.health === 'protected' && vm.listsTwoUntilMs < sinceMs)
      throw new Broken(
        'no silent weakening',
        `${by} says that vm${vm.index} is protected, and its claim has listed one host for long`,
      )
  }
}
