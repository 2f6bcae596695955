import type { LeaseNote } from '../../../lib/core/domain/lease-note'
import { SelfFence, type SelfFenceEffect } from '../../../lib/core/membership/self-fence'

const LIMITS = { pause: 200, destroy: 1000 }
let machine: SelfFence
beforeEach(() => (machine = new SelfFence(LIMITS)))

const lease = (changes: Partial<LeaseNote> = {}): LeaseNote => ({
  ...{
    id: 'vm',
    pid: 10,
    startedTicks: 20,
    domids: ['7'],
    untilMs: 1000,
    then: 'pause',
    pauseWithinMs: 0,
    isPaused: false,
    toldAtMs: 0,
  },
  ...changes,
})
const tick = (nowMs: number, leases: readonly LeaseNote[], bootMs = nowMs): readonly SelfFenceEffect[] =>
  machine.apply({ on: 'tick', nowMs, bootMs, leases })
const told = (effects: readonly SelfFenceEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.do === 'stop') return [`${effect.verb} ${effect.domid}`]
    if (effect.do === 'tell') return [`${effect.act} ${effect.domid}`]
    if (effect.do === 'kill-worker') return [`kill ${effect.lease.pid}`]
    return effect.do === 'pet' ? [] : [effect.do]
  })
const attemptOf = (effects: readonly SelfFenceEffect[]): number =>
  effects.flatMap((effect) => (effect.do === 'stop' ? [effect.attempt] : []))[0] ?? -1

describe('whose guest is stopped', () => {
  test("nobody's before the deadline and its head start, nobody's without one", () => {
    expect(told(tick(999, [lease()]))).toEqual(['arm'])
    expect(told(tick(1099, [lease()]))).toEqual([])
    expect(told(tick(1e9, [lease({ untilMs: null })]))).toEqual(['disarm'])
  })
  test('every domain of the lease, each on its own', () => {
    const leases = [lease({ domids: ['7', '8'] }), lease({ id: 'other', domids: ['9'], untilMs: 5000 })]
    expect(told(tick(1100, leases))).toEqual(['pause 7', 'pause 8', 'arm'])
  })
  test('one whose worker wants it destroyed, at once', () => {
    expect(told(tick(1000, [lease({ then: 'destroy' })]))).toEqual(['destroy 7', 'arm'])
  })
  test('one that is paused, when its worker has changed its mind', () => {
    const attempt = attemptOf(tick(1100, [lease()]))
    machine.apply({ on: 'stopped', domid: '7', attempt, ours: true, gone: false, nowMs: 1120 })
    expect(told(tick(1150, [lease({ then: 'destroy' })]))).toEqual(['destroy 7'])
  })
  test('of two leases for one domain, the one that ended first counts, and destroy before pause', () => {
    expect(told(tick(1100, [lease({ untilMs: 9000 }), lease({ id: 'b' })]))).toEqual(['pause 7', 'arm'])
    machine = new SelfFence(LIMITS)
    expect(told(tick(1100, [lease(), lease({ id: 'b', untilMs: 1050, then: 'destroy' })]))).toEqual(['destroy 7', 'arm'])
  })
})

describe('what is told', () => {
  test('a guest that this watchdog paused, with how late; not one that stood already', () => {
    const first = attemptOf(tick(1100, [lease()]))
    expect(machine.apply({ on: 'stopped', domid: '7', attempt: first, ours: true, gone: false, nowMs: 1130 })).toEqual([
      { do: 'tell', act: 'guest-paused', domid: '7', lease: lease(), overdueMs: 130 },
    ])
    const again = attemptOf(tick(2150, [lease()]))
    expect(again).toBeGreaterThan(first)
    expect(machine.apply({ on: 'stopped', domid: '7', attempt: again, ours: false, gone: false, nowMs: 2170 })).toEqual([])
  })
  test('a pause that was not confirmed, and the destruction after it', () => {
    const pause = attemptOf(tick(1100, [lease()]))
    const effects = tick(1300, [lease()])
    expect(told(effects)).toEqual(['pause-unconfirmed 7', 'destroy 7'])
    expect(machine.apply({ on: 'stopped', domid: '7', attempt: pause, ours: true, gone: false, nowMs: 1310 })).toEqual([])
    expect(
      told(machine.apply({ on: 'stopped', domid: '7', attempt: attemptOf(effects), ours: true, gone: true, nowMs: 1350 })),
    ).toEqual(['guest-destroyed 7'])
    expect(told(tick(60_000, [lease({ toldAtMs: 60_000 })]))).toEqual([])
  })
})

test('a lease that leaves more time for the pause is given it', () => {
  const slow = lease({ pauseWithinMs: 700 })
  expect(told(tick(1100, [slow]))).toEqual(['pause 7', 'arm'])
  expect(told(tick(1699, [slow]))).toEqual([])
  expect(told(tick(1700, [slow]))).toEqual(['pause-unconfirmed 7', 'destroy 7'])
})

test('a guest seen to stand is looked at each second, and is given ten before it is destroyed', () => {
  const attempt = attemptOf(tick(1100, [lease()]))
  machine.apply({ on: 'stopped', domid: '7', attempt, ours: true, gone: false, nowMs: 1100 })
  expect(told(tick(2050, [lease({ toldAtMs: 2050 })]))).toEqual([])
  expect(told(tick(2100, [lease({ toldAtMs: 2100 })]))).toEqual(['pause 7'])
  for (let nowMs = 2150; nowMs < 12_100; nowMs += 50) expect(told(tick(nowMs, [lease({ toldAtMs: nowMs })]))).toEqual([])
  expect(told(tick(12_100, [lease({ toldAtMs: 12_100 })]))).toEqual(['pause-unconfirmed 7', 'destroy 7'])
})

test('a guest that turns out to stand before it is destroyed is held, and not destroyed', () => {
  tick(1100, [lease()])
  const attempt = attemptOf(tick(1300, [lease()]))
  machine.apply({ on: 'stopped', domid: '7', attempt, ours: false, gone: false, nowMs: 1350 })
  expect(told(tick(1400, [lease({ toldAtMs: 1400 })]))).toEqual([])
  expect(told(tick(1450, [lease({ toldAtMs: 1450 })]))).toEqual(['pause 7'])
})

test.each([
  ['nobody paused for its lease is looked at every 100 ms: it may be one that was built, and is to be started', false, 1200],
  ['its worker paused is looked at each second', true, 2100],
])('a guest that stands and that %s', (_, isPaused, againMs) => {
  const attempt = attemptOf(tick(1100, [lease({ isPaused })]))
  machine.apply({ on: 'stopped', domid: '7', attempt, ours: false, gone: false, nowMs: 1100 })
  expect(told(tick(againMs - 50, [lease({ isPaused })]))).toEqual([])
  expect(told(tick(againMs, [lease({ isPaused })]))).toEqual(['pause 7'])
})

test('a domain that is paused but not destroyed yet is destroyed again each second, and no reason to fence its host', () => {
  const destroying = lease({ then: 'destroy' })
  const attempt = attemptOf(tick(1000, [destroying]))
  machine.apply({ on: 'stopped', domid: '7', attempt, ours: true, gone: false, nowMs: 1200 })
  expect(told(tick(2150, [destroying]))).toEqual([])
  expect(told(tick(2200, [destroying]))).toEqual(['destroy 7'])
  expect(told(tick(4000, [destroying]))).toEqual([])
})

test('a domain that is not there any more is not asked for again', () => {
  const attempt = attemptOf(tick(1100, [lease()]))
  machine.apply({ on: 'stopped', domid: '7', attempt, ours: false, gone: true, nowMs: 1100 })
  for (let nowMs = 1150; nowMs < 9000; nowMs += 50) expect(told(tick(nowMs, [lease()]))).toEqual([])
})

test('an answer to what was asked under an earlier deadline proves nothing', () => {
  const old = attemptOf(tick(1100, [lease()]))
  tick(1150, [lease({ untilMs: 1400 })])
  const next = tick(1500, [lease({ untilMs: 1400 })])
  expect(told(next)).toEqual(['pause 7'])
  machine.apply({ on: 'stopped', domid: '7', attempt: old, ours: true, gone: false, nowMs: 1510 })
  expect(told(tick(1700, [lease({ untilMs: 1400 })]))).toEqual(['pause-unconfirmed 7', 'destroy 7'])
})

test('a watchdog that is started long after the deadline begins with the pause', () => {
  expect(told(tick(60_000, [lease({ toldAtMs: 59_990 })]))).toEqual(['pause 7', 'arm'])
})

describe('a silent worker', () => {
  test('is killed ten seconds past its deadline, and again when that did nothing', () => {
    tick(1100, [lease()])
    expect(told(tick(10_999, [lease()]))).not.toContain('kill 10')
    expect(told(tick(11_000, [lease()]))).toContain('kill 10')
    expect(told(tick(20_999, [lease()]))).not.toContain('kill 10')
    expect(told(tick(21_000, [lease()]))).toContain('kill 10')
  })
  test('is not one that only cannot renew, nor one whose claim nobody may take', () => {
    for (let nowMs = 1100; nowMs < 40_000; nowMs += 500) {
      const talking = lease({ toldAtMs: nowMs - 400 })
      const alone = lease({ id: 'alone', pid: 11, domids: ['8'], untilMs: null })
      expect(told(tick(nowMs, [talking, alone])).filter((each) => each.startsWith('kill'))).toEqual([])
    }
  })
})

describe('the watchdog of the hardware', () => {
  const petted = (effects: readonly SelfFenceEffect[]): boolean => effects.some((effect) => effect.do === 'pet')
  test('runs only while some guest may be taken over', () => {
    expect(tick(0, [])).toEqual([])
    expect(tick(50, [lease({ domids: [] })])).toEqual([])
    expect(tick(100, [lease()])).toEqual([{ do: 'arm' }, { do: 'pet' }])
    expect(tick(150, [lease()])).toEqual([{ do: 'pet' }])
    expect(tick(200, [])).toEqual([{ do: 'disarm' }])
  })
  test('is not petted from the first fence on, until the guest is known to stand', () => {
    const destroying = lease({ then: 'destroy' })
    const attempt = attemptOf(tick(1000, [destroying]))
    expect(petted(tick(1950, [destroying]))).toBe(true)
    expect(told(tick(2000, [destroying]))).toEqual(['fence-host'])
    expect(petted(tick(2050, [destroying]))).toBe(false)
    machine.apply({ on: 'stopped', domid: '7', attempt, ours: true, gone: false, nowMs: 2060 })
    expect(petted(tick(2100, [destroying]))).toBe(true)
  })
})

test('a machine that was suspended: every lease told before is over', () => {
  tick(500, [lease({ untilMs: 1900, toldAtMs: 480 })], 10_500)
  tick(550, [lease({ untilMs: 1900, toldAtMs: 480 })], 70_550)
  expect(told(tick(650, [lease({ untilMs: 1900, toldAtMs: 480 })], 70_650))).toEqual(['pause 7'])
  expect(told(tick(700, [lease({ untilMs: 2100, toldAtMs: 690 })], 70_700))).toEqual([])
})

test('clocks read a little apart are no suspension', () => {
  for (let nowMs = 500; nowMs < 900; nowMs += 50)
    expect(told(tick(nowMs, [lease()], nowMs + (nowMs % 100)))).not.toContain('pause 7')
})
