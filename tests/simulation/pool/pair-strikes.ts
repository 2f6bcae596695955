import { must } from '../mirror/must'
import type { Machine } from './machine'
import type { Strikes } from './strikes'
import { PairStories, type SetTrap } from './pair-stories'
import type { PairFault } from './trouble'
import type { Vm } from './vm'
import type { WitnessHost } from './witness-host'
import type { PoolWorld } from './world'

/** From the silence of a witness to the claim at the other one, when nothing else happens. */
const SWITCHED_MS = 1500

interface Sides {
  readonly holder: Machine
  readonly other: Machine
  readonly either: Machine
}

const OPERATOR_LOOKS_MS = 3000

/** What goes wrong with two witnesses: one is away for so long that the other one is to decide, and what a switch needs fails. */
export class PairStrikes {
  readonly #stories: PairStories

  constructor(
    private readonly world: PoolWorld,
    private readonly strikes: Strikes,
    private readonly trap: SetTrap,
  ) {
    this.#stories = new PairStories(world, strikes, trap)
  }

  /** Until when it is to be left to itself. */
  strike(fault: PairFault, vm: Vm, { holder, other, either }: Sides): number {
    const { dice } = this.world
    switch (fault) {
      case 'preferred-away':
        this.#away(this.#preferred)
        break
      case 'alternate-away':
        this.#away(this.#alternate)
        break
      case 'decider-away':
        this.#away(this.#decider(vm))
        break
      case 'away-in-turn':
        this.#inTurn()
        break
      case 'cut-from-one':
        this.strikes.deaf(either, ['out', 'in'], this.#switchMs(), [dice.of(either.roads)])
        break
      case 'carry-unanswered':
        this.trap('carrying', vm, () => {
          for (const machine of [holder, other]) this.strikes.deaf(machine, ['in'], this.world.plan.leaseMs, machine.roads)
        })
        this.#away(this.#decider(vm))
        break
      case 'note-damaged':
        if (this.#losesNote(vm, either, either === holder ? other : holder)) {
          either.claimNotes.damage(vm.uuid)
          this.#operatorLooks(vm, either, either === holder ? other : holder)
        }
        break
      case 'note-lost':
        if (this.#losesNote(vm, either, either === holder ? other : holder)) either.claimNotes.remove(vm.uuid)
        break
      case 'notes-unsaved':
        either.claimNotes.full = true
        this.strikes.later(() => (either.claimNotes.full = false))
        break
      case 'alternate-full': {
        const witness = this.#alternate
        witness.full = true
        this.strikes.after(this.#switchMs(), () => (witness.full = false))
        this.#away(this.#preferred)
        break
      }
      case 'switch-and-apart':
        return this.#stories.switchAndApart(vm, holder, other)
      case 'listed-unheard':
        return this.#stories.listedUnheard(vm, holder, other)
    }
    return 0
  }

  get #preferred(): WitnessHost {
    return must(this.world.witnesses[0], 'there are two')
  }

  get #alternate(): WitnessHost {
    return must(this.world.witnesses[1], 'there are two')
  }

  #decider(vm: Vm): WitnessHost {
    return this.world.deciderOf(vm) ?? this.#preferred
  }

  /** Mostly long enough for a switch. */
  #switchMs(): number {
    const { dice, plan } = this.world
    return (plan.pair?.afterSilentMs ?? 0) * (0.7 + dice.fraction()) + SWITCHED_MS * dice.fraction()
  }

  #away(witness: WitnessHost): void {
    witness.crash()
    this.strikes.after(this.#switchMs(), () => {
      if (witness.daemon === null) witness.start()
    })
  }

  /** Both, one after the other; sometimes the second when the first decides again. */
  #inTurn(): void {
    const { dice, plan } = this.world
    const firstMs = this.#switchMs()
    const first = this.#preferred
    first.crash()
    this.strikes.after(firstMs, () => {
      if (first.daemon === null) first.start()
    })
    const again = (plan.pair?.backAfterMs ?? 0) * 1.5 * dice.fraction()
    this.strikes.after(firstMs + again, () => this.#away(this.#alternate))
  }

  /** Its worker has to read it again. Only while the other host has everything, and nobody is about to let another witness decide. */
  #losesNote(vm: Vm, machine: Machine, other: Machine): boolean {
    const isDecided = [machine, other].every(({ claimNotes }) => claimNotes.isDecided(vm.uuid))
    if (machine.worker(vm.uuid) === null || !isDecided || vm.judge.listed.length < 2 || !this.strikes.isWell(other, vm))
      return false
    this.world.probe('a note is lost')
    machine.workers.kill(vm.uuid)
    return true
  }

  /** Nobody but a living holder can tell a host what it agreed to. Where it is the holder itself, an operator removes the note, once no switch is under way. */
  #operatorLooks(vm: Vm, machine: Machine, other: Machine): void {
    const { schedule, say, witnesses } = this.world
    schedule.after(OPERATOR_LOOKS_MS, () => {
      if (machine.claimNotes.on(vm.uuid) !== 'damaged') return
      const isDecided = other.claimNotes.isDecided(vm.uuid)
      if (vm.holder === machine.name && machine.powered && isDecided && witnesses.every(({ daemon }) => daemon !== null)) {
        say(() => `the operator removes the damaged note of vm${vm.index} on ${machine.name}`)
        machine.claimNotes.remove(vm.uuid)
        machine.workers.kill(vm.uuid)
      } else this.#operatorLooks(vm, machine, other)
    })
  }
}
