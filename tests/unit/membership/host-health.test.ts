import { linkBit, type SenderHealth } from '../../../lib/core/domain/heartbeat'
import { ALL, LINKS, PEER, Stage, THIRD } from './health-stage'

let stage: Stage
beforeEach(() => (stage = new Stage()))

test('a host not heard yet is unknown, one that is heard is good, and that is told once', () => {
  expect(stage.now).toBe('unknown')
  stage.steps(200)
  expect(stage.now).toBe('good')
  expect(stage.told).toEqual([{ do: 'health', host: PEER, before: 'unknown', verdict: 'good', findings: [] }])
})

test('a host of an earlier version is good by what can be seen of it', () => {
  stage.version = 1
  stage.steps(200)
  expect(stage.now).toBe('good')
})

describe('lossy', () => {
  test.each([0, 5, 10])('%i of fifty lost on a link is no finding', (lost) => {
    for (let nth = 0; nth < 200; nth += 1) stage.step((link) => link === 'alink0' && (nth * lost) % 50 < lost)
    expect(stage.told).toHaveLength(1)
  })
  test('more is one, on its own link, and ends when less than a tenth is lost', () => {
    for (let nth = 0; nth < 60; nth += 1) stage.step((link) => link === 'alink0' && nth % 4 === 0)
    expect(stage.now).toBe('grey lossy alink0')
    stage.steps(30)
    expect(stage.now).toBe('grey lossy alink0')
    stage.steps(1)
    expect(stage.now).toBe('good')
  })
  test('a link that was silent for long begins anew', () => {
    stage.steps(60)
    stage.steps(20, (link) => link === 'alink0')
    stage.steps(20)
    expect(stage.now).toBe('good')
  })
})

test('late: heartbeats held up on the way, not a clock that runs otherwise', () => {
  for (let nth = 0; nth < 300; nth += 1) {
    stage.clockMs += nth % 2 // 0.5 % fast
    stage.step()
  }
  expect(stage.now).toBe('good')
  for (let nth = 0; nth < 50; nth += 1) {
    stage.nowMs += 100
    const sender = nth % 3 === 0 ? { ...stage.sender, clockMs: stage.clockMs - 200 } : stage.sender
    stage.clockMs += 100
    stage.counter += 1
    stage.hear('alink0', stage.nowMs, sender as SenderHealth)
    stage.hear('management')
    stage.tick()
  }
  expect(stage.now).toBe('grey late alink0')
  stage.steps(50)
  expect(stage.now).toBe('good')
})

test('our own pauses make nobody late or lossy', () => {
  for (let nth = 0; nth < 40; nth += 1) {
    stage.steps(5)
    // All that came in a pause of 700 ms is read at its end, before the first tick.
    const sent = Array.from({ length: 7 }, () => ({ counter: (stage.counter += 1), clockMs: (stage.clockMs += 100) }))
    stage.nowMs += 700
    for (const { counter, clockMs } of sent) {
      Object.assign(stage, { counter, clockMs })
      for (const link of LINKS) stage.hear(link)
    }
  }
  expect(stage.now).toBe('good')
  expect(stage.told).toHaveLength(1)
})

test('slow: it says so itself', () => {
  stage.steps(10)
  stage.worstLagMs = 200
  stage.steps(1)
  expect(stage.now).toBe('good')
  stage.worstLagMs = 201
  stage.steps(1)
  expect(stage.now).toBe('grey slow')
})

describe('one way', () => {
  test('it hears us not, on one link or on all: grey, and nothing more', () => {
    stage.steps(20)
    stage.hearsUsOn = linkBit('management')
    stage.steps(10)
    expect(stage.now).toBe('good')
    stage.steps(1)
    expect(stage.now).toBe('grey hears-us-not alink0')
    stage.hearsUsOn = 0
    stage.steps(11)
    expect(stage.now).toBe('grey hears-us-not management hears-us-not alink0')
    stage.hearsUsOn = ALL
    stage.steps(1)
    expect(stage.now).toBe('good')
  })
  test('we hear it not, and it hears us there', () => {
    stage.steps(20)
    stage.steps(17, (link) => link === 'alink0')
    expect(stage.now).toBe('grey not-heard alink0')
    stage.steps(1)
    expect(stage.now).toBe('good')
  })
  test("a link that is dead both ways is no host's fault", () => {
    stage.steps(20)
    stage.hearsUsOn = linkBit('management')
    stage.steps(40, (link) => link === 'alink0')
    expect(stage.now).toBe('good')
  })
})

describe('while it is silent', () => {
  const said = (by: string, heard: boolean): void => {
    stage.told.push(...stage.machine.apply({ on: 'said', peer: PEER, by, heard, atMs: stage.nowMs }))
  }
  beforeEach(() => {
    stage.steps(20)
    stage.silence(700)
    stage.event('peer-suspected')
  })
  test('and nobody can be asked', () => expect(stage.now).toBe('suspected silent-here'))
  test('and the witness hears it', () => {
    said('witness', true)
    said(THIRD, false)
    expect(stage.now).toBe('suspected cut-off-from-here')
  })
  test('and nobody hears it, and its leases have run out', () => {
    said('witness', false)
    expect(stage.now).toBe('suspected silent-everywhere')
    stage.event('leases-over')
    expect(stage.now).toBe('suspected dead-or-stopped')
  })
  test('what was said is forgotten when it is not said again', () => {
    said('witness', true)
    stage.silence(3000)
    expect(stage.now).toBe('suspected cut-off-from-here')
    stage.silence(100)
    expect(stage.now).toBe('suspected silent-here')
  })
  test('the heartbeats of a third host say it, too', () => {
    const third = (counter: number, ageMs: number) =>
      stage.machine.apply({
        ...{ on: 'received', peer: THIRD, link: 'alink0', incarnation: 1, counter, atMs: stage.nowMs },
        sender: { clockMs: counter, worstLagMs: 0, hears: [{ host: PEER, counter: 9, ageMs, links: 1 }] },
      })
    third(1, 600)
    expect(stage.now).toBe('suspected cut-off-from-here')
    third(2, 601)
    expect(stage.now).toBe('suspected silent-everywhere')
  })
})

describe('when it is back', () => {
  const back = (silentMs: number, meanwhile: { counted: number; clockMs: number; restarted?: true }): string => {
    stage.steps(20)
    stage.silence(silentMs)
    stage.event('peer-suspected')
    stage.counter += meanwhile.counted
    stage.clockMs += meanwhile.clockMs
    if (meanwhile.restarted) Object.assign(stage, { incarnation: 2, counter: 0 })
    stage.step()
    stage.event('peer-alive')
    return stage.now
  }
  test('it went on all the while', () => expect(back(5000, { counted: 50, clockMs: 5000 })).toBe('grey was-cut-off'))
  test('its daemon stood still', () => {
    expect(back(5000, { counted: 1, clockMs: 5000 })).toBe('grey was-stopped')
    expect(stage.machine.report()[0]?.findings).toEqual([{ kind: 'was-stopped', silentMs: 5100, machine: false }])
  })
  test('its machine stood still', () => {
    back(5000, { counted: 0, clockMs: 0 })
    expect(stage.machine.report()[0]?.findings).toEqual([{ kind: 'was-stopped', silentMs: 5100, machine: true }])
  })
  test('it was started again', () => expect(back(5000, { counted: 0, clockMs: 0, restarted: true })).toBe('grey was-restarted'))
  test('it is grey for half a minute, then good', () => {
    back(5000, { counted: 50, clockMs: 5000 })
    stage.steps(299)
    expect(stage.now).toBe('grey was-cut-off')
    stage.steps(2)
    expect(stage.now).toBe('good')
  })
})

test('hosts that are not listed any more are forgotten, and unknown ones mean nothing', () => {
  stage.steps(5)
  stage.machine.apply({ on: 'peers', peers: [{ host: THIRD, links: LINKS }], atMs: stage.nowMs })
  stage.hear('alink0')
  stage.event('peer-suspected')
  expect(stage.machine.report().map(({ host }) => host)).toEqual([THIRD])
})
