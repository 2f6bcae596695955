import { join } from 'node:path'
import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import type { Outlook } from '../../../lib/core/domain/guest-memory'
import { hostUuid, type HostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Taking, type TakingEffect, type TakingEvent } from '../../../lib/core/membership/taking'
import { stories } from '../stories'

const HOSTS = new Map(['me', 'holder', 'third'].map((name, nth) => [name, hostUuid(`aaaaaaaa-0000-4000-8000-00000000000${nth}`)]))
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const hostOf = (name = ''): HostUuid => {
  const host = HOSTS.get(name)
  if (host === undefined) throw new Error(`no host ${name}`)
  return host
}
const nameOf = (host: HostUuid): string => [...HOSTS].find(([, uuid]) => uuid === host)?.[0] ?? '?'

/** A host that takes a claim, as a story moves it. Milliseconds since the story began. */
class Stage {
  readonly #taking = new Taking(hostOf('me'))
  #nowMs = 0
  #promisedAtMs = Number.NEGATIVE_INFINITY
  #heardAtMs = Number.NEGATIVE_INFINITY
  #isFit = true
  #memory: Outlook | null = null
  #mayHold = false
  #leaseMs = 1500
  #lockstep: Claim['lockstep'] = null
  #stored: StoredClaim | null = this.#claim('holder', ['holder', 'me'])

  #claim(holder: string, listed: readonly string[], term = 1): StoredClaim {
    const upToDate = { [DISK]: listed.map(hostOf) }
    return {
      revision: term * 10,
      claim: { vm: VM, term, holder: hostOf(holder), leaseMs: this.#leaseMs, upToDate, lockstep: this.#lockstep },
    }
  }

  /** A word, and what belongs to it. */
  run(line: string): readonly string[] {
    const [word = '', ...rest] = line.split(' ')
    const number = Number(rest[0])
    switch (word) {
      // What there is before it begins, or while it goes on.
      case 'claim':
        this.#stored = rest[0] === 'none' ? null : this.#claim(rest[0] ?? '', rest.slice(2, -1), Number(rest.at(-1)))
        return []
      case 'lease':
        this.#leaseMs = number
        this.#stored = this.#claim('holder', ['holder', 'me'])
        return []
      case 'heard':
        this.#heardAtMs = this.#nowMs - number
        return []
      case 'promised':
        this.#promisedAtMs = this.#nowMs - number
        return []
      // Host and run, and what the standby here says of it.
      case 'lockstep':
        this.#lockstep = { secondary: hostOf(rest[0]), run: Number(rest[1]) }
        this.#stored = this.#claim('holder', ['holder', 'me'])
        return []
      case 'memory':
        this.#memory = rest[0] as Outlook
        return []
      case 'unfit':
        this.#isFit = false
        return []
      case 'may-hold':
        this.#mayHold = true
        return []
      case 'after':
        this.#nowMs += number
        return []
      case 'fenced':
        return this.#apply({ on: 'fenced', isFenced: rest[0] !== 'no-more' })
      // What is told.
      case 'begin':
        return this.#apply({
          ...{ on: 'begin', nowMs: this.#nowMs, heardAtMs: this.#heardAtMs },
          ...{ mayHold: this.#mayHold, isKept: this.#memory === 'load' },
        })
      case 'listened':
        this.#nowMs += number
        return this.#apply({ on: 'listened', nowMs: this.#nowMs, heardAtMs: this.#heardAtMs })
      case 'read':
        return this.#apply({
          ...{ on: 'read', nowMs: this.#nowMs, stored: this.#stored },
          ...{ promisedAtMs: this.#promisedAtMs, isFit: this.#isFit, memory: this.#memory },
        })
      case 'silence':
        return this.#apply({ on: 'no-answer' })
      case 'stored':
        return this.#apply({ on: 'swapped', revision: 77, askedAtMs: this.#nowMs })
      case 'lease-left':
        return this.#apply({ on: 'lease-runs', leftMs: number })
      case 'refused':
        return this.#apply({ on: 'swap-refused' })
      case 'waited':
        this.#nowMs += number
        return this.#apply({ on: 'tick', nowMs: this.#nowMs })
    }
    throw new Error(`unknown: ${line}`)
  }

  #apply(event: TakingEvent): string[] {
    const told = this.#taking.apply(event).map((effect) => this.#say(effect))
    return this.#taking.mayHold && told.length > 0 ? [...told, '(the claim may be mine)'] : told
  }

  #say(effect: TakingEffect): string {
    switch (effect.do) {
      case 'swap': {
        const { term, holder, upToDate, lockstep } = effect.next
        const listed = Object.values(upToDate).flat().map(nameOf)
        const orWith = effect.with === undefined ? '' : ` or with run ${effect.with}`
        const condition = effect.requireLeaseOver ? `if its lease is over${orWith}` : 'at once'
        const run = lockstep === null ? '' : `, run ${lockstep.run}`
        return `swap ${effect.expected}: term ${term}, holder ${nameOf(holder)}, up-to-date ${listed.join()}${run}, ${condition}`
      }
      case 'listen':
      case 'wait':
        return `${effect.do} ${effect.ms}`
      case 'taken':
        return (
          `taken by ${effect.rule}, term ${effect.stored.claim.term}, lease from ${effect.leaseFromMs ?? 'the first renewal'}` +
          (effect.claimed === null ? '' : `, the claim named run ${effect.claimed}`)
        )
      case 'given-up':
        return `given up: ${effect.why}`
      case 'seal':
      case 'unseal':
      case 'read':
        return effect.do
    }
  }
}

stories(join(__dirname, '..', '..', 'scenarios', 'taking'), () => {
  const stage = new Stage()
  return (line) => stage.run(line)
})
