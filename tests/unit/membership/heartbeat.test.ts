import { InvariantViolation } from '../../../lib/core/domain/assert'
import { hostUuid } from '../../../lib/core/domain/ids'
import { type HeartbeatEffect, HeartbeatWatch } from '../../../lib/core/membership/heartbeat'

const PEER = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const OTHER = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const QUIET = { coordinator: false, xapiUp: true }

let watch: HeartbeatWatch
beforeEach(() => {
  watch = new HeartbeatWatch(600)
  watch.apply({ type: 'peers', peers: [{ host: PEER, links: ['m', 'a'] }], atMs: 0 })
})
const hear = (atMs: number, counter: number, link = 'm', incarnation = 5, role = QUIET): HeartbeatEffect[] =>
  watch.apply({ type: 'received', peer: PEER, link, incarnation, counter, role, atMs })
/** Ticks every 100 ms up to and including `untilMs`. */
function ticks(fromMs: number, untilMs: number): HeartbeatEffect[] {
  const effects: HeartbeatEffect[] = []
  for (let atMs = fromMs; atMs <= untilMs; atMs += 100) effects.push(...watch.apply({ type: 'tick', atMs }))
  return effects
}
const kinds = (effects: HeartbeatEffect[]) => effects.map(({ type }) => type)
const state = () => watch.report()[0]?.state

test('a peer that is heard on one link is alive, and only the other link goes silent', () => {
  expect(kinds(hear(0, 1))).toEqual(['link-heard', 'peer-alive', 'peer-role'])
  for (let atMs = 100; atMs <= 1000; atMs += 100) {
    const effects = [...hear(atMs, atMs), ...ticks(atMs, atMs)]
    const expected = atMs === 700 ? [{ type: 'link-silent', peer: PEER, link: 'a', silentMs: 700 }] : []
    expect(effects).toEqual(expected)
  }
  expect(state()).toBe('alive')
})

test('a peer silent on every link is suspected, with the silence of each as evidence', () => {
  hear(0, 1, 'm')
  hear(50, 1, 'a')
  expect(ticks(100, 600)).toEqual([])
  expect(ticks(700, 1500)).toEqual([
    { type: 'link-silent', peer: PEER, link: 'm', silentMs: 700 },
    { type: 'link-silent', peer: PEER, link: 'a', silentMs: 650 },
    {
      type: 'peer-suspected',
      peer: PEER,
      rule: 'silent-on-every-link',
      evidence: [
        { link: 'm', silentMs: 700, everHeard: true },
        { link: 'a', silentMs: 650, everHeard: true },
      ],
    },
  ])
  expect(kinds(hear(1600, 20, 'a'))).toEqual(['link-heard', 'peer-alive'])
})

test('exactly the limit is still alive', () => {
  hear(0, 1)
  ticks(100, 600)
  expect(state()).toBe('alive')
  watch.apply({ type: 'tick', atMs: 601 })
  expect(state()).toBe('suspected')
})

test('a peer never heard is suspected after the same time, by another rule', () => {
  expect(ticks(100, 600)).toEqual([])
  expect(state()).toBe('unknown')
  expect(ticks(700, 700).at(-1)).toMatchObject({ type: 'peer-suspected', rule: 'never-heard' })
})

test.each([
  ['a repeated one', 10, 5],
  ['an older one', 9, 5],
  ['one of an earlier start', 99, 4],
])('%s is no sign of life', (_, counter, incarnation) => {
  hear(0, 10)
  ticks(100, 500)
  expect(hear(500, counter, 'm', incarnation)).toEqual([])
  ticks(600, 700)
  expect(state()).toBe('suspected')
})

test('counters are per link: the same heartbeat counts on each', () => {
  hear(0, 10, 'm')
  expect(kinds(hear(1, 10, 'a'))).toEqual(['link-heard'])
})

test('a restarted peer counts from the beginning, on every link', () => {
  hear(0, 1000, 'm')
  hear(0, 1000, 'a')
  expect(hear(100, 1, 'm', 6)).toEqual([{ type: 'peer-restarted', peer: PEER, incarnation: 6 }])
  expect(hear(200, 1, 'a', 6)).toEqual([])
  ticks(300, 700)
  expect(state()).toBe('alive')
})

test('a change of role is told once', () => {
  hear(0, 1)
  expect(hear(10, 2, 'm', 5, { coordinator: true, xapiUp: true })).toEqual([
    { type: 'peer-role', peer: PEER, role: { coordinator: true, xapiUp: true } },
  ])
  expect(hear(10, 2, 'a', 5, { coordinator: true, xapiUp: true })).toEqual([{ type: 'link-heard', peer: PEER, link: 'a' }])
})

describe('own-pause', () => {
  test('what was not heard while this process stood still is not held against a peer', () => {
    hear(0, 1)
    ticks(100, 200)
    expect(watch.apply({ type: 'tick', atMs: 5200 })).toEqual([{ type: 'own-pause', gapMs: 5000 }])
    expect(state()).toBe('alive')
    ticks(5300, 5600)
    expect(state()).toBe('alive')
    ticks(5700, 5700)
    expect(state()).toBe('suspected')
  })
  test('is noticed by whatever comes first, also a heartbeat of another peer', () => {
    const peers = [PEER, OTHER].map((host) => ({ host, links: ['m'] }))
    watch.apply({ type: 'peers', peers, atMs: 0 })
    hear(0, 1)
    watch.apply({ type: 'received', peer: OTHER, link: 'm', incarnation: 1, counter: 1, role: QUIET, atMs: 2000 })
    watch.apply({ type: 'tick', atMs: 2001 })
    expect(state()).toBe('alive')
  })
  test('ordinary gaps are not forgiven', () => {
    hear(0, 1)
    for (const atMs of [150, 300, 450, 600, 750]) watch.apply({ type: 'tick', atMs })
    expect(state()).toBe('suspected')
  })
})

describe('a host whose guest waits here to go on', () => {
  const beats = (fromMs: number, untilMs: number, everyMs: number): void => {
    for (let atMs = fromMs; atMs <= untilMs; atMs += everyMs) {
      for (let between = atMs - everyMs + 50; between < atMs; between += 50) watch.apply({ type: 'tick', atMs: between })
      hear(atMs, atMs)
    }
  }
  const suspectedAfter = (lastMs: number): number => {
    for (let atMs = lastMs + 10; ; atMs += 10) {
      watch.apply({ type: 'tick', atMs })
      if (state() === 'suspected') return atMs - lastMs - 10
    }
  }
  beforeEach(() => watch.apply({ type: 'awaited', hosts: new Set([PEER]), atMs: 0 }))

  test('is suspected after two and a half heartbeats where they come regularly', () => {
    beats(100, 10_000, 100)
    expect(suspectedAfter(10_000)).toBe(250)
  })
  test('is given a third of the time at least', () => {
    beats(50, 10_000, 50)
    expect(suspectedAfter(10_000)).toBe(200)
  })
  test('is given two and a half times what its latest heartbeat took', () => {
    beats(100, 5000, 100)
    beats(5180, 5180, 180)
    beats(5280, 9980, 100)
    expect(suspectedAfter(9980)).toBe(450)
  })
  test('is never given more than any other host', () => {
    beats(100, 5000, 100)
    beats(5500, 5500, 500)
    expect(suspectedAfter(5500)).toBe(600)
  })
  test('has a late heartbeat forgotten after a minute', () => {
    beats(200, 200, 200)
    beats(300, 70_000, 100)
    expect(suspectedAfter(70_000)).toBe(250)
  })
  test('is not judged by an outage, nor by a pause of this process', () => {
    beats(100, 5000, 100)
    expect(suspectedAfter(5000)).toBe(250)
    ticks(5400, 8000)
    hear(8000, 8000)
    watch.apply({ type: 'tick', atMs: 8500 })
    beats(8600, 9000, 100)
    expect(suspectedAfter(9000)).toBe(250)
  })
  test('is one among others again when no guest waits for it', () => {
    beats(100, 5000, 100)
    watch.apply({ type: 'awaited', hosts: new Set(), atMs: 5000 })
    expect(suspectedAfter(5000)).toBe(600)
  })
})

test('who is not a peer, and a link that is not its, mean nothing', () => {
  expect(watch.apply({ type: 'received', peer: OTHER, link: 'm', incarnation: 1, counter: 1, role: QUIET, atMs: 0 })).toEqual([])
  expect(hear(0, 1, 'z')).toEqual([])
  expect(state()).toBe('unknown')
})

test('a new list of peers keeps what is known of the old ones, and a peer without links is never suspected', () => {
  hear(0, 1)
  watch.apply({
    type: 'peers',
    peers: [
      { host: PEER, links: ['m', 'b'] },
      { host: OTHER, links: [] },
    ],
    atMs: 100,
  })
  expect(watch.report()).toEqual([
    {
      host: PEER,
      state: 'alive',
      role: QUIET,
      links: [
        { link: 'm', silentMs: 100, everHeard: true },
        { link: 'b', silentMs: 0, everHeard: false },
      ],
    },
    { host: OTHER, state: 'unknown', role: null, links: [] },
  ])
  expect(ticks(200, 2000).filter(({ type }) => type === 'peer-suspected')).toHaveLength(1)
})

test.each([299, 60_001, NaN])('a suspicion after %d ms is none', (suspectAfterMs) => {
  expect(() => new HeartbeatWatch(suspectAfterMs)).toThrow(InvariantViolation)
})

test.each([300, 60_000])('one after %d ms is', (suspectAfterMs) => {
  watch = new HeartbeatWatch(suspectAfterMs)
  watch.apply({ type: 'peers', peers: [{ host: PEER, links: ['m'] }], atMs: 0 })
  ticks(100, suspectAfterMs)
  expect(state()).toBe('unknown')
  ticks(suspectAfterMs + 1, suspectAfterMs + 1)
  expect(state()).toBe('suspected')
})
