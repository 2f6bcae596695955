import { setTimeout as pause } from 'node:timers/promises'
import type { VmStatus } from '../../wire/daemon-api'
import { monotonicMs } from '../client/record'
import { isRedundant, statusOn } from '../demo/operator'
import { until } from '../demo/stage'
import type { Lab } from '../rack/lab'
import { sufferFaults, type Incident } from './incident'
import type { Observer } from './observer'

/** What one incident did to the VM and its users. */
export interface Outcome {
  readonly incident: string
  /** Host that held the claim before, and after. */
  readonly from: string
  readonly to: string
  /** The longest time without an acknowledgement, from the first fault until it was protected again. */
  readonly longestGapMs: number
  /** From the end of the incident until both hosts said that the VM is protected; null: not within the limit. */
  readonly protectedAfterMs: number | null
  /** Acknowledged from the first fault until it was protected again. */
  readonly records: number
  /** Acknowledged at any time, and not there now, or other bytes. */
  readonly lost: number
  /** Answers of a server after a later one had answered. */
  readonly servedTwice: number
  /** The last status, where something is wrong; else empty. */
  readonly trouble: string
}

export const isKept = ({ protectedAfterMs, lost, servedTwice, trouble }: Outcome): boolean =>
  protectedAfterMs !== null && lost === 0 && servedTwice === 0 && trouble === ''

const PROTECTED_LIMIT_MS = 90_000
/** Each look is a process on either host, and would slow down what it waits for. */
const LOOK_EVERY_MS = 400
/** A guest boots in ten seconds under emulation, and in a minute on a machine that has more to do. */
const ANSWER_LIMIT_MS = 120_000
/** So many show that the writing goes on. */
const ENOUGH = 20
/** Records that are read back again although they were there after an earlier incident. */
const AGAIN = 2000

/** A protected VM that runs on two hosts' behalf, with a client that writes: things happen to it, and what is promised is checked. */
export class Trial {
  readonly outcomes: Outcome[] = []
  #verifiedTo = 0

  constructor(
    private readonly lab: Lab,
    private readonly vm: string,
    private readonly observer: Observer,
  ) {}

  /** Resolves when the VM is protected again, or will not be; only a lab that cannot be asked rejects. */
  async live(incident: Incident): Promise<Outcome> {
    const from = (await this.#status())?.holder ?? ''
    this.observer.acknowledged()
    const trouble = incident.kind === 'move' ? await this.#move(from) : (await sufferFaults(this.lab, incident), '')
    const outcome = await this.#judged(incident.name, from, trouble)
    this.outcomes.push(outcome)
    return outcome
  }

  async #judged(incident: string, from: string, trouble: string): Promise<Outcome> {
    const endedMs = monotonicMs()
    const status = await this.#protected()
    const protectedAfterMs = status === null ? null : monotonicMs() - endedMs
    const last = status === null ? await this.#lastWords() : ''
    const { records, longestGapMs, isAnswered } = await this.#written()
    const { missing, different } = status === null || !isAnswered ? { missing: [], different: [] } : await this.#readBack()
    const outcome: Outcome = {
      ...{ incident, from, to: status?.holder ?? '', longestGapMs, protectedAfterMs, records },
      ...{ lost: missing.length + different.length, servedTwice: this.observer.servedTwice().length },
      trouble: [trouble, last, isAnswered ? '' : 'the client is not answered'].filter((text) => text !== '').join('; '),
    }
    return outcome
  }

  /** Both hosts say the same, XAPI says that it runs where the claim is, and the client is answered. */
  async #protected(): Promise<VmStatus | null> {
    const hosts = this.lab.hosts.map(({ name }) => name)
    let found: VmStatus | null = null
    const holds = async (): Promise<boolean> => {
      await pause(LOOK_EVERY_MS)
      const told = await Promise.all(hosts.map((host) => statusOn(this.lab, host, this.vm)))
      const [first] = told
      const agreed = told.every((each) => each !== null && isRedundant(each) && each.holder === first?.holder)
      if (!agreed || first?.powerState !== 'Running' || first.residentOn !== first.holder) return false
      found = first
      return true
    }
    return (await isSoon('both hosts say that it is protected', PROTECTED_LIMIT_MS, holds)) ? found : null
  }

  async #written(): Promise<{ records: number; longestGapMs: number; isAnswered: boolean }> {
    const { records, longestGapMs } = this.observer.acknowledged()
    const sum = { records, longestGapMs, isAnswered: false }
    let since = 0
    sum.isAnswered = await isSoon('the client is answered', ANSWER_LIMIT_MS, () => {
      const more = this.observer.acknowledged()
      since += more.records
      sum.records += more.records
      sum.longestGapMs = Math.max(sum.longestGapMs, more.longestGapMs)
      return Promise.resolve(since >= ENOUGH)
    })
    return sum
  }

  async #readBack(): Promise<{ missing: readonly number[]; different: readonly number[] }> {
    const upTo = this.observer.records
    const verdict = await this.observer.verify(Math.max(0, this.#verifiedTo - AGAIN))
    this.#verifiedTo = upTo
    return verdict
  }

  /** Every record of the whole trial. */
  async readAllBack(): Promise<{ acknowledged: number; lost: number }> {
    const { acknowledged, missing, different } = await this.observer.verify(0)
    return { acknowledged, lost: missing.length + different.length }
  }

  async #move(from: string): Promise<string> {
    const to = this.lab.hosts.find(({ name }) => name !== from)?.name ?? ''
    const { exit, stderr } = await this.lab.exec(from, ['/usr/local/sbin/holdfast', 'move', this.vm, '--to', to, '--json'])
    return exit === 0 ? '' : `the move was not made: ${stderr.trim()}`
  }

  async #status(): Promise<VmStatus | null> {
    for (const { name } of this.lab.hosts) {
      const status = await statusOn(this.lab, name, this.vm)
      if (status !== null) return status
    }
    return null
  }

  async #lastWords(): Promise<string> {
    const told = await Promise.all(
      this.lab.hosts.map(async ({ name }) => {
        const status = await statusOn(this.lab, name, this.vm)
        if (status === null) return `${name} does not answer`
        const { health, reason, holder, residentOn, powerState } = status
        return `${name}: ${health}${reason === '' ? '' : ` (${reason})`}, ${powerState} on ${residentOn ?? '-'}, held by ${holder ?? '-'}`
      }),
    )
    return told.join('; ')
  }
}

async function isSoon(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  const endMs = monotonicMs() + limitMs
  try {
    await until(what, limitMs, holds)
    return true
  } catch (error) {
    if (monotonicMs() < endMs) throw error
    return false
  }
}
