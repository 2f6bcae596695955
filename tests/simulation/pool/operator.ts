import { XapiFailure } from '../../../lib/ports/xapi'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

/** Whoever wants the VM to run looks at XAPI now and then, and starts it where it may be. */
export class Operator {
  constructor(
    private readonly world: PoolWorld,
    private readonly lookMs: number,
  ) {}

  start(): void {
    for (const vm of this.world.vms) this.#later(vm, 600 + this.world.dice.fraction() * 400)
  }

  #later(vm: Vm, ms: number): void {
    this.world.schedule.after(ms, () => {
      this.#later(vm, this.lookMs * (0.5 + this.world.dice.fraction()))
      this.#look(vm)
    })
  }

  #look(vm: Vm): void {
    const { world } = this
    const asked = world.dice.of(world.machines)
    const view = asked.xapi.view()?.vms.find(({ uuid }) => uuid === vm.uuid)
    if (view?.powerState !== 'Halted' || view.operations.length > 0) return
    const host = world.dice.chance(0.7) ? vm.holder : world.dice.of(vm.homes)
    world.say(() => `the operator starts vm${vm.index} on ${host}`)
    const args = [
      { xapiClass: 'VM', uuid: vm.uuid },
      { xapiClass: 'host', uuid: world.machine(host).uuid },
      false,
      false,
    ] as const
    void asked.xapi.call('VM.start_on', args).catch((error: unknown) => {
      if (!(error instanceof XapiFailure)) throw error
      world.say(() => `the operator is told: ${error.message}`)
    })
  }
}
