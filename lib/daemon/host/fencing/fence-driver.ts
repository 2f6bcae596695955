import type { FenceProof, Objection, PowerStatus } from '../../../core/domain/fence'
import type { HostUuid } from '../../../core/domain/ids'
import { leaseOverAfterMs } from '../../../core/domain/lease'
import type { Evidence } from '../../../core/failover/effects'
import type { LadderEffect, LadderEvent } from '../../../core/fencing/events'
import { FenceLadder } from '../../../core/fencing/ladder'
import { voidWords } from '../../../core/fencing/words'
import type { ConfirmedOff } from '../../../ports/fence-record'
import { hostNameOf } from '../names'
import type { HostParts } from '../parts'

type Told = LadderEvent extends infer E ? (E extends LadderEvent ? Omit<E, 'atMs'> : never) : never

/** One silent host and its ladder: carries the questions to its power switch and the operator's word to the disk, and the answers back. */
export class FenceDriver {
  readonly #ladder: FenceLadder
  /** Null: an operator may confirm. */
  against: Objection | null = 'not-suspected'
  power: PowerStatus | null = null
  #saved: Promise<unknown> = Promise.resolve()
  #proven = false

  /** `proven`: a proof begins, or lasts longer than was told before. */
  constructor(
    private readonly parts: HostParts,
    private readonly host: HostUuid,
    public word: ConfirmedOff | null,
    private readonly proven: () => void,
  ) {
    const { config, power } = parts
    const leaseOverMs = leaseOverAfterMs(config.leaseMs)
    this.#ladder = new FenceLadder({ host, leaseOverMs, hasPower: power.knows(host), confirmed: word !== null })
  }

  get proof(): FenceProof | null {
    return this.#ladder.proof(this.parts.clock.nowMs())
  }

  apply(event: Told): readonly LadderEffect[] {
    const effects = this.#ladder.apply({ ...event, atMs: this.parts.clock.nowMs() })
    for (const effect of effects) this.#run(effect)
    return effects
  }

  /** Null when the word is on stable storage. Rejects with the system's error when it cannot be put there. */
  async confirm(who: string): Promise<Objection | null> {
    const refused = this.apply({ on: 'operator-confirms', who }).find((effect) => effect.do === 'refuse')
    if (refused !== undefined) return refused.against
    await this.#saved
    return null
  }

  #run(effect: LadderEffect): void {
    const { parts, host } = this
    switch (effect.do) {
      case 'power-off':
        this.#told('power-off-asked', 'silent-with-a-vm-at-stake', 'its power switch is asked to switch it off', {})
        void parts.power.off(host).then((outcome) => {
          if (outcome === 'failed')
            this.#told('power-off-failed', 'asked-is-not-off', 'its power switch did not take the wish', {})
          this.apply({ on: 'asked', ask: effect.ask, outcome })
        })
        break
      case 'power-status':
        void parts.power.status(host).then((status) => {
          if (status !== this.power) this.#told('power-looked', `power-${status}`, POWER_WORDS[status], {})
          this.power = status
          this.apply({ on: 'power', ask: effect.ask, status })
        })
        break
      case 'proof':
        this.#isProven(effect.proof)
        break
      case 'void':
        this.#proven = false
        this.#told('fence-void', effect.rule, `it is no longer proven that it is off: ${voidWords(effect.rule)}`, {})
        break
      case 'offer':
        this.against = effect.against
        if (effect.against === null)
          this.#told('fence-offered', 'silent-everywhere', 'an operator who knows that it is off may say so: holdfast fence', {})
        break
      case 'save':
        this.#save(effect.save, effect.who)
        break
      case 'forget':
        this.#forget()
        break
      case 'refuse':
        break
    }
  }

  #isProven({ by }: FenceProof): void {
    const who = this.word?.who ?? ''
    if (!this.#proven) {
      if (by === 'power') this.#told('host-fenced', 'power-off-twice', 'it is off: its power switch says so twice', {})
      else this.#told('host-fenced', 'operator-confirmed', `it is off: ${who} says so, and nobody hears it`, { who })
    }
    this.#proven = true
    this.proven()
  }

  #save(save: number, who: string): void {
    const { parts, host } = this
    const saving = this.#saved.catch(() => undefined).then(() => parts.fences.save(host, who))
    this.#saved = saving
    saving.then(
      (word) => {
        this.word = word
        this.#told('host-confirmed-off', 'operator-confirmed', `${who} confirms that it is off`, { who })
        this.apply({ on: 'saved', save })
      },
      () => this.apply({ on: 'not-saved', save }),
    )
  }

  #forget(): void {
    const { parts, host } = this
    const who = this.word?.who ?? ''
    this.word = null
    this.#saved = this.#saved
      .catch(() => undefined)
      .then(() => parts.fences.forget(host))
      .catch((error: unknown) => parts.log.warn("an operator's word could not be removed", { host, error: String(error) }))
    this.#told('fence-word-cleared', 'host-seen', 'it was confirmed to be off, and is not: the word is forgotten', { who })
  }

  #told(act: string, rule: string, text: string, evidence: Evidence): void {
    const { parts, host } = this
    parts.timeline.record({ vm: null, act, rule, text: `${hostNameOf(parts, host)}: ${text}.`, evidence: { host, ...evidence } })
  }
}

const POWER_WORDS: Readonly<Record<PowerStatus, string>> = {
  on: 'its power switch says that it is on',
  off: 'its power switch says that it is off',
  unknown: 'its power switch does not say whether it is on',
}
