import { Epochs, type EpochLimits } from '../../../lib/core/checkpoint/epochs'
import type { EpochEffect, EpochEvent } from '../../../lib/core/checkpoint/events'

const LIMITS: EpochLimits = {
  pacing: { intervalMinMs: 10, intervalMaxMs: 50, pauseShareMax: 0.5 },
  firstCopy: { lastBytesMax: 10, passesMax: 1 },
  ...{ pauseLimitMs: 100, inFlightMax: 2, outputDelayMaxMs: 200, claimLimitMs: 1000 },
}
const RUN = 7

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never
type Told = WithoutTime<EpochEvent>

/** Plays events to a machine, and remembers what it has asked for. */
class Player {
  readonly epochs = new Epochs(LIMITS)
  readonly effects: EpochEffect[] = []
  nowMs = 0

  tell(event: Told, afterMs = 0): readonly EpochEffect[] {
    this.nowMs += afterMs
    const effects = this.epochs.apply({ ...event, nowMs: this.nowMs })
    this.effects.push(...effects)
    return effects
  }

  /** The newest pause that was asked for. */
  get attempt(): number {
    return this.effects.reduce((last, effect) => ('attempt' in effect ? effect.attempt : last), 0)
  }

  /** Up to the pause of the first epoch. */
  seed(): void {
    this.tell({ on: 'start', fresh: true })
    this.tell({ on: 'begin', run: RUN })
    this.tell({ on: 'begun', run: RUN })
    this.tell({ on: 'passed', run: RUN, bytes: 1 })
    this.tell({ on: 'tick' }, 10)
  }

  checkpoint(): void {
    this.tell({ on: 'paused', attempt: this.attempt })
    this.tell({ on: 'captured', attempt: this.attempt, bytes: 1000 }, 5)
    this.tell({ on: 'resumed', attempt: this.attempt }, 1)
  }

  lockstep(): void {
    this.seed()
    this.checkpoint()
    this.tell({ on: 'ack', run: RUN, epoch: 0 })
    this.tell({ on: 'claimed', claim: 'lockstep', run: RUN })
  }
}

const words = (effects: readonly EpochEffect[]): string[] =>
  effects.map((effect) => {
    if (effect.do === 'tell') return `tell ${effect.news.what}`
    if (effect.do === 'claim') return `claim ${effect.claim}`
    if (effect.do === 'answer') return `answer ${effect.when}`
    return 'epoch' in effect ? `${effect.do} ${effect.epoch}` : effect.do
  })

test('from one to two, and one epoch', () => {
  const player = new Player()
  player.lockstep()
  player.tell({ on: 'output' })
  player.tell({ on: 'tick' }, 10)
  player.checkpoint()
  player.tell({ on: 'ack', run: RUN, epoch: 1 })
  expect(words(player.effects)).toEqual([
    ...['free', 'begin', 'tell preparing', 'pass', 'pause', 'hold', 'capture 0', 'cut 0', 'resume', 'send 0'],
    ...['claim lockstep', 'answer local', 'release 0', 'tell lockstep'],
    ...['pause', 'capture 1', 'cut 1', 'resume', 'send 1', 'release 1'],
  ])
})

test('with two epochs on their way the guest is not paused, however long it takes', () => {
  const player = new Player()
  player.lockstep()
  for (let epoch = 1; epoch <= 2; epoch++) {
    player.tell({ on: 'tick' }, 50)
    player.checkpoint()
  }
  player.tell({ on: 'output' })
  expect(words(player.tell({ on: 'tick' }, 100))).toEqual([])
  expect(player.epochs.dueAtMs).toBe(Infinity)
  expect(words(player.tell({ on: 'tick' }, 101))).toEqual(['tell cannot-keep-up'])
  expect(words(player.tell({ on: 'ack', run: RUN, epoch: 1 }))).toEqual(['release 1', 'pause'])
})

test('a claim that is not stored in time is not waited for: output and disk wait with it', () => {
  const player = new Player()
  player.seed()
  player.checkpoint()
  player.tell({ on: 'ack', run: RUN, epoch: 0 })
  expect(player.epochs.dueAtMs).toBe(player.nowMs + 1000)
  expect(words(player.tell({ on: 'tick' }, 999))).toEqual([])
  expect(words(player.tell({ on: 'tick' }, 1))).toEqual(['end-capture', 'tell left', 'answer both', 'leave'])
  expect(words(player.tell({ on: 'claimed', claim: 'lockstep', run: RUN }))).toEqual([])
  expect(words(player.tell({ on: 'left', run: RUN }))).toEqual(['free', 'claim none'])
})

test('a guest that is not resumed is asked for again', () => {
  const player = new Player()
  player.seed()
  player.tell({ on: 'paused', attempt: player.attempt })
  expect(words(player.tell({ on: 'tick' }, 100))).toEqual(['resume', 'tell epoch-failed'])
  expect(words(player.tell({ on: 'resume-failed', attempt: player.attempt, error: 'EIO' }))).toEqual(['tell guest-not-resumed'])
  expect(words(player.tell({ on: 'tick' }, 100))).toEqual(['resume'])
})

test('a peer that the mirror has unlisted may be loaded yet, when our claim is stored after that', () => {
  const player = new Player()
  player.seed()
  player.checkpoint()
  player.tell({ on: 'ack', run: RUN, epoch: 0 })
  expect(words(player.tell({ on: 'unlisted' }))).toEqual(['leave', 'end-capture', 'tell left', 'claim alone'])
  expect(words(player.tell({ on: 'claimed', claim: 'lockstep', run: RUN }))).toEqual([])
  expect(words(player.tell({ on: 'claimed', claim: 'alone', run: RUN }))).toEqual(['answer both', 'free'])
})

test('a new worker resumes the guest and claims before anything leaves', () => {
  const player = new Player()
  expect(words(player.tell({ on: 'start', fresh: false }))).toEqual(['hold', 'resume', 'claim alone'])
  expect(words(player.tell({ on: 'claimed', claim: 'alone', run: 0 }))).toEqual(['answer both', 'free'])
})

describe('every order of what may happen', () => {
  /** Times are such that each may be too early, in time and too late. Answers name the newest attempt, or the one before. */
  const EVENTS: readonly ((player: Player) => void)[] = [
    ...(['paused', 'resumed'] as const).map(
      (on) =>
        (player: Player): void =>
          void player.tell({ on, attempt: player.attempt }),
    ),
    (player): void => void player.tell({ on: 'captured', attempt: player.attempt, bytes: 1 }),
    (player): void => void player.tell({ on: 'captured', attempt: player.attempt - 1, bytes: 1 }),
    (player): void => void player.tell({ on: 'capture-failed', attempt: player.attempt, error: 'EIO' }),
    (player): void => void player.tell({ on: 'resume-failed', attempt: player.attempt, error: 'EIO' }),
    (player): void => void player.tell({ on: 'ack', run: RUN, epoch: player.epochs.epoch - 1 }),
    (player): void => void player.tell({ on: 'ack', run: RUN - 1, epoch: player.epochs.epoch - 1 }),
    (player): void => void player.tell({ on: 'left', run: RUN }),
    (player): void => void player.tell({ on: 'peer-lost', error: 'ECONNRESET' }),
    (player): void => void player.tell({ on: 'leave', why: 'asked' }),
    (player): void => void player.tell({ on: 'unlisted' }),
    ...(['lockstep', 'none', 'alone'] as const).map((claim) => {
      return (player: Player): void => void player.tell({ on: 'claimed', claim, run: RUN })
    }),
    (player): void => void player.tell({ on: 'spent' }),
    (player): void => void player.tell({ on: 'tick' }, 101),
  ]

  const must = (kept: boolean, rule: string): void => {
    if (!kept) throw new Error(rule)
  }

  /** From outside: what it did. */
  function check({ effects, epochs: { life, dueAtMs } }: Player): void {
    let guest = 'runs'
    let output = 'free'
    let sent = -1
    let local = false
    for (const effect of effects) {
      if (effect.do === 'pause') {
        must(guest === 'runs', 'a guest that stands is not paused')
        guest = 'asked'
      }
      if (effect.do === 'resume') guest = 'runs'
      if (effect.do === 'hold') output = 'held'
      if (effect.do === 'free') output = 'free'
      if (effect.do === 'send') {
        must(guest === 'runs' && effect.epoch === sent + 1, 'an epoch is sent when the guest goes on, in its order')
        sent = effect.epoch
      }
      if (effect.do === 'answer') local = effect.when === 'local'
      if (effect.do === 'release') must(effect.epoch <= sent && output === 'held' && local, 'what is released was sent')
    }
    if (life === 'lockstep' || life === 'claiming' || life === 'parting') must(output === 'held', `output is held in ${life}`)
    if (life === 'alone' || life === 'unclaiming') must(output === 'free' && !local, `output is free in ${life}`)
    must(life === 'spent' || guest === 'runs' || dueAtMs < Infinity, 'a guest that stands is looked at again')
  }

  test.each([
    ['the first pause', 4, (player: Player): void => player.seed()],
    [
      'a pause in lockstep',
      4,
      (player: Player): void => {
        player.lockstep()
        player.tell({ on: 'tick' }, 50)
      },
    ],
  ])('from %s on, %i events deep', (_name, depth, begin) => {
    const lives = new Set<string>()
    const play = (path: readonly ((player: Player) => void)[]): void => {
      const player = new Player()
      begin(player)
      for (const event of path) event(player)
      check(player)
      lives.add(player.epochs.life)
      if (path.length < depth) for (const next of EVENTS) play([...path, next])
    }
    play([])
    expect([...lives]).toEqual(expect.arrayContaining(['alone', 'leaving', 'parting', 'spent']))
  })
})

test.each([0, RUN])('a run begins with a number that is none of an earlier one, nor that of no run: %d', (run) => {
  const player = new Player()
  player.lockstep()
  player.tell({ on: 'leave', why: 'the operator' })
  player.tell({ on: 'left', run: RUN })
  player.tell({ on: 'claimed', claim: 'none', run: RUN })
  expect(player.epochs.life).toBe('alone')
  expect(() => player.tell({ on: 'begin', run })).toThrow('a run begins alone, and is a new one')
})
