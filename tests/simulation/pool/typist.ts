import type { DaemonApi } from '../../../lib/wire/daemon-api'
import type { Machine } from './machine'
import { Process } from './process'
import type { Vm } from './vm'
import type { PoolWorld } from './world'

const ANSWER_MS = 30_000
const AGAIN_MS = 1500

/** An operator who turns the dial of one VM, at bad moments, on whichever host. */
export class Typist {
  /** What was answered; null while that is not known. */
  accepted: 'restart' | 'unprotected' | null = 'restart'
  /** How often the dial was turned; all hosts know of the first. */
  turn = 0
  #isBusy = false
  /** From now on it is to be protected. */
  #insists = false

  constructor(
    private readonly world: PoolWorld,
    private readonly vm: Vm,
  ) {}

  unprotect(): void {
    if (this.#isBusy || this.#insists || this.accepted === 'unprotected') return
    void this.#type('unprotect', { vm: this.vm.uuid }, 'unprotected')
  }

  protect(): void {
    if (this.#isBusy || this.accepted === 'restart') return
    void this.#type('protect', { vm: this.vm.uuid, level: 'restart' }, 'restart')
  }

  move(): void {
    if (this.#insists) return
    const { world, vm } = this
    const [machine, to] = [world.dice.of(world.machines), world.machine(world.dice.of(vm.homes))]
    if (!machine.powered) return
    world.say(() => `the operator types on ${machine.name}: move vm${vm.index} to ${to.name}`)
    const asked = machine.asked(new Process(world, machine, machine.life), 'move', { vm: vm.uuid, to: to.name }, ANSWER_MS)
    void asked.then((answer) => world.probe(`typed: move ${answer === null ? 'in vain' : 'begun'}`))
  }

  /** Of a machine that is off. */
  confirmOff(on: Machine, off: Machine): void {
    const { world } = this
    if (!on.powered) return
    world.say(() => `the operator types on ${on.name}: fence ${off.name} --confirm-off`)
    const ask = { host: off.name, confirm: true, who: 'operator' }
    void on.asked(new Process(world, on, on.life), 'fence', ask, ANSWER_MS).then((answer) => {
      world.say(
        () => `the operator is told of fence: ${answer === null ? 'refused, or nothing' : (answer.proof ?? 'not proven yet')}`,
      )
      world.probe(`typed: fence ${answer === null ? 'in vain' : 'done'}`)
    })
  }

  /** Until it is accepted. */
  insist(): void {
    this.#insists = true
    if (this.accepted === 'restart') return
    this.protect()
    this.world.schedule.after(AGAIN_MS, () => this.insist())
  }

  async #type<F extends 'protect' | 'unprotect'>(
    fn: F,
    ask: DaemonApi[F]['ask'],
    level: 'restart' | 'unprotected',
  ): Promise<void> {
    const { world, vm } = this
    const machine = world.dice.of(world.machines)
    if (!machine.powered) return
    world.say(() => `the operator types on ${machine.name}: ${fn} vm${vm.index}`)
    this.#isBusy = true
    this.accepted = null
    this.turn++
    // It is not told what becomes of it when the host it types on is lost.
    world.schedule.after(ANSWER_MS, () => (this.#isBusy = false))
    const answer = await machine.asked(new Process(world, machine, machine.life), fn, ask, ANSWER_MS)
    this.#isBusy = false
    world.say(() => `the operator is told of ${fn} vm${vm.index}: ${answer === null ? 'refused, or nothing' : 'done'}`)
    world.probe(`typed: ${fn} ${answer === null ? 'in vain' : 'done'}`)
    if (answer !== null) this.accepted = level
  }
}
