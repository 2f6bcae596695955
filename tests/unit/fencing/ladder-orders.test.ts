/** Every order of events, a few long, from several beginnings; judged by what was said, not by how the ladder keeps it. */
import { FenceLadder, OTHERS_WORD_MS, POWER_TRIAL_MS } from '../../../lib/core/fencing/ladder'
import type { LadderEffect, LadderEvent } from '../../../lib/core/fencing/events'
import { hostUuid } from '../../../lib/core/domain/ids'

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const THIRD = hostUuid('cccccccc-0000-4000-8000-000000000003')
const LEASE_OVER_MS = 2000
const LOOK_APART_MS = 1000
const PROOF_LASTS_MS = 5000

const LETTERS = [
  ...['suspected', 'seen', 'nobody-sees', 'third-sees', 'lease-over', 'at-stake', 'confirms', 'saved', 'not-saved'],
  ...['asked', 'failed', 'on', 'off', 'unknown', '1s', '3s', '30s'],
] as const
type Letter = (typeof LETTERS)[number]

interface Said {
  readonly event: LadderEvent
  readonly effects: readonly LadderEffect[]
}

/** One life of a ladder, told so far. */
class Life {
  readonly said: Said[] = []
  nowMs = 100_000
  private readonly ladder: FenceLadder
  private question: { what: 'power-off' | 'power-status'; ask: number } | null = null
  private save: number | null = null

  constructor(
    private readonly hasPower: boolean,
    private readonly confirmed: boolean,
  ) {
    this.ladder = new FenceLadder({ host: HOST, leaseOverMs: LEASE_OVER_MS, hasPower, confirmed })
  }

  /** False: nobody can say this now. */
  say(letter: Letter): boolean {
    const event = this.eventOf(letter)
    if (event === null) return false
    const effects = this.ladder.apply(event)
    for (const effect of effects) {
      if (effect.do === 'power-off' || effect.do === 'power-status') this.question = { what: effect.do, ask: effect.ask }
      if (effect.do === 'save') this.save = effect.save
    }
    this.said.push({ event, effects })
    return true
  }

  private eventOf(letter: Letter): LadderEvent | null {
    const atMs = this.nowMs
    const { question } = this
    switch (letter) {
      case 'suspected':
      case 'seen':
      case 'lease-over':
        return { on: letter, atMs }
      case 'nobody-sees':
      case 'third-sees':
        return { on: 'others-see', hosts: letter === 'third-sees' ? [THIRD] : [], atMs }
      case 'at-stake':
        return { on: letter, isAtStake: true, atMs }
      case 'confirms':
        return { on: 'operator-confirms', who: 'root', atMs }
      case 'saved':
      case 'not-saved': {
        const { save } = this
        this.save = null
        return save === null ? null : { on: letter, save, atMs }
      }
      case 'asked':
      case 'failed':
        if (question?.what !== 'power-off') return null
        this.question = null
        return { on: 'asked', ask: question.ask, outcome: letter, atMs }
      case 'on':
      case 'off':
      case 'unknown':
        if (question?.what !== 'power-status') return null
        this.question = null
        return { on: 'power', ask: question.ask, status: letter, atMs }
      case '1s':
      case '3s':
      case '30s':
        this.nowMs += { '1s': 1000, '3s': 3000, '30s': 30_000 }[letter]
        return { on: 'tick', atMs: this.nowMs }
    }
  }

  judge(): string | null {
    const proof = this.ladder.proof(this.nowMs)
    if (proof?.by === 'power' && !this.mayBelieveThePower()) return 'a proof by power without two fresh words of it'
    if (proof?.by === 'operator' && !this.mayBelieveTheOperator()) return 'a proof by an operator that must not count'
    const last = this.said.at(-1)
    if (last?.effects.some((effect) => effect.do === 'power-off') === true && !this.maySwitchOff())
      return 'switched off too early'
    if (last?.event.on === 'operator-confirms') {
      const may = this.mayOffer(this.said.length - 1)
      if (last.effects.some((effect) => effect.do === 'save') !== may) return may ? 'refused' : 'not refused'
    }
    return this.clearedBySign()
  }

  private maySwitchOff(): boolean {
    const since = this.lastIndex(isSign)
    const suspected = this.said.findIndex(
      ({ event }, index) => index > this.lastIndex(({ on }) => on === 'seen') && event.on === 'suspected',
    )
    const word = this.said[this.lastIndex(({ on }) => on === 'others-see')]?.event
    const isSilent = suspected >= 0 && this.nowMs >= (this.said[Math.max(since, suspected)]?.event.atMs ?? 0) + LEASE_OVER_MS
    const isAlone = word?.on === 'others-see' && word.hosts.length === 0 && this.nowMs < word.atMs + OTHERS_WORD_MS
    const isAtStake = this.lastIndex(({ on }) => on === 'at-stake') >= 0
    return isSilent && isAlone && isAtStake && this.lastIndex(({ on }) => on === 'lease-over') <= Math.max(since, suspected)
  }

  private lastIndex(is: (event: LadderEvent) => boolean, before = this.said.length): number {
    return this.said.slice(0, before).findLastIndex(({ event }) => is(event))
  }

  private askedAtMs(ask: number): number {
    const asked = this.said.find(({ effects }) => effects.some((e) => e.do === 'power-status' && e.ask === ask))
    return asked?.event.atMs ?? Number.NaN
  }

  private mayBelieveThePower(): boolean {
    const since = Math.max(
      this.lastIndex(isSign),
      this.lastIndex((event) => event.on === 'power' && event.status === 'on'),
    )
    const begunAtMs = this.said[since]?.event.atMs ?? Number.NEGATIVE_INFINITY
    const offs = this.said
      .slice(since + 1)
      .flatMap(({ event }) => (event.on === 'power' && event.status === 'off' ? [event] : []))
      .map(({ ask, atMs }) => ({ askedAtMs: this.askedAtMs(ask), atMs }))
      .filter(({ askedAtMs }) => askedAtMs >= begunAtMs)
    const fresh = offs.at(-1)
    if (fresh === undefined || this.nowMs >= fresh.askedAtMs + PROOF_LASTS_MS) return false
    return offs.some((one) => offs.some((other) => other.askedAtMs >= one.atMs + LOOK_APART_MS))
  }

  private mayBelieveTheOperator(): boolean {
    const sign = Math.max(
      this.lastIndex(isSign),
      this.lastIndex((event) => event.on === 'power' && event.status === 'on'),
    )
    const saved = this.lastIndex((event) => event.on === 'saved')
    const wasSaved = saved > sign
    return (wasSaved || (this.confirmed && sign === -1)) && this.lastIndex((event) => event.on === 'suspected') >= 0
  }

  /** As an operator with everything in front of him would judge, before what was said last. */
  private mayOffer(before: number): boolean {
    const seen = this.lastIndex(({ on }) => on === 'seen', before)
    const suspected = this.said.slice(0, before).findIndex(({ event }, index) => index > seen && event.on === 'suspected')
    if (suspected === -1) return false
    const sign = Math.max(suspected, this.lastIndex(isSign, before))
    const sinceMs = this.said[sign]?.event.atMs ?? 0
    if (this.lastIndex(({ on }) => on === 'lease-over', before) > sign) return false
    const isAtStake = this.lastIndex(({ on }) => on === 'at-stake', before) >= 0
    if (this.nowMs < sinceMs + LEASE_OVER_MS + (this.hasPower && isAtStake ? POWER_TRIAL_MS : 0)) return false
    const word = this.lastIndex(({ on }) => on === 'others-see', before)
    const others = this.said[word]?.event
    if (word <= seen || others?.on !== 'others-see' || others.hosts.length > 0) return false
    if (this.nowMs >= others.atMs + OTHERS_WORD_MS) return false
    const looks = this.said.slice(sign + 1, before).flatMap(({ event }) => (event.on === 'power' ? [event] : []))
    if (looks.at(-1)?.status === 'on') return false
    const lastOn = this.lastIndex((event) => event.on === 'power' && event.status === 'on', before)
    const cleared = Math.max(lastOn, this.lastIndex(isSign, before))
    const unsaved = this.lastIndex(({ on }) => on === 'not-saved', before)
    const pending = this.said
      .slice(Math.max(cleared, unsaved) + 1, before)
      .some(({ effects }) => effects.some((e) => e.do === 'save'))
    return !pending && !(this.confirmed && cleared === -1) && !this.provenByPower(before)
  }

  private provenByPower(before: number): boolean {
    const told = this.said.slice(0, before).findLast(({ effects }) => effects.some((e) => e.do === 'proof' || e.do === 'void'))
    const effect = told?.effects.findLast((e) => e.do === 'proof' || e.do === 'void')
    return effect?.do === 'proof' && this.nowMs < (effect.proof.voidAtMs ?? Number.POSITIVE_INFINITY)
  }

  private clearedBySign(): string | null {
    const last = this.said.at(-1)
    if (last === undefined || !isSign(last.event)) return null
    return this.ladder.proof(this.nowMs) === null ? null : 'a proof stays although the host is seen'
  }
}

const isSign = (event: LadderEvent): boolean => event.on === 'seen' || (event.on === 'others-see' && event.hosts.length > 0)

const BEGINNINGS: readonly { letters: readonly Letter[]; more: number; hasPower: boolean; confirmed: boolean }[] = [
  { letters: [], more: 4, hasPower: true, confirmed: false },
  { letters: ['suspected', 'at-stake', '3s'], more: 4, hasPower: true, confirmed: false },
  { letters: ['suspected', 'at-stake', '3s', 'nobody-sees', 'asked'], more: 4, hasPower: true, confirmed: false },
  {
    letters: ['suspected', 'at-stake', '3s', 'nobody-sees', 'asked', 'off', '1s', 'off'],
    more: 4,
    hasPower: true,
    confirmed: false,
  },
  { letters: ['suspected', 'at-stake', '30s', 'nobody-sees', 'asked', 'unknown'], more: 4, hasPower: true, confirmed: false },
  { letters: ['suspected', '3s', 'nobody-sees'], more: 4, hasPower: false, confirmed: false },
  { letters: [], more: 4, hasPower: true, confirmed: true },
  { letters: [], more: 4, hasPower: false, confirmed: true },
]

test.each(BEGINNINGS)('$letters and $more more: power $hasPower, confirmed before $confirmed', (beginning) => {
  const { letters, more, hasPower, confirmed } = beginning
  const proofs = { power: 0, operator: 0 }
  let lives = 0
  const word: Letter[] = [...letters]
  const live = (): Life | null => {
    const life = new Life(hasPower, confirmed)
    for (const [index, letter] of word.entries()) {
      if (!life.say(letter)) {
        // What nobody can say ends a story, unless it is told to be the beginning.
        expect(index).toBeGreaterThanOrEqual(letters.length)
        return null
      }
    }
    return life
  }
  const visit = (left: number): void => {
    const life = live()
    if (life === null) return
    lives += 1
    const wrong = life.judge()
    if (wrong !== null) throw new Error(`${word.join(' ')}: ${wrong}`)
    for (const { effects } of life.said.slice(-1))
      for (const effect of effects) if (effect.do === 'proof') proofs[effect.proof.by] += 1
    if (left === 0) return
    for (const letter of LETTERS) {
      word.push(letter)
      visit(left - 1)
      word.pop()
    }
  }
  visit(more)
  expect(lives).toBeGreaterThan(1000)
  // The space would be empty without what it is about.
  if (letters.length >= 5 && hasPower) expect(proofs.power).toBeGreaterThan(0)
  if (!hasPower) expect(proofs.operator).toBeGreaterThan(0)
})
