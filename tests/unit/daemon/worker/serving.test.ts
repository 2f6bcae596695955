import type { WithoutQuorum } from '../../../../lib/core/domain/without-quorum'
import type { Disk } from '../../../../lib/daemon/worker/disk/disk'
import type { Guest } from '../../../../lib/daemon/worker/guest/guest'
import { Serving, type ServingFacts } from '../../../../lib/daemon/worker/serving'

const LEASE_MS = 1500
const GOES_ON = 'guest-continues by continues-alone'

/** A holder that is the preferred survivor, with a guest; what it did, in order. */
class Scene {
  nowMs = 1_000_000
  readonly did: string[] = []
  heardAtMs = 1_000_000
  hasEveryWrite = true
  hasParted = false
  readonly serving: Serving

  constructor(behaviour: WithoutQuorum) {
    const did = (what: string): void => void this.did.push(what)
    const guest: Pick<Guest, 'waits' | 'run' | 'stand' | 'stop' | 'isThere'> = {
      waits: () => undefined,
      run: () => did('run'),
      stand: () => did('stand'),
      stop: () => {
        did('destroy')
        return Promise.resolve()
      },
      isThere: true,
    }
    const disk: Pick<Disk, 'lease'> = { lease: (valid) => did(valid ? 'answer' : 'freeze') }
    this.serving = new Serving({
      disks: () => [disk as Disk],
      guest: guest as Guest,
      wishes: { behaviour, isPreferred: true },
      facts: () => this.#facts,
      part: () => did('part'),
      record: (act, rule) => did(`${act} by ${rule}`),
    })
    this.serving.begin()
    this.serving.lease(true)
    this.serving.guests(true)
    this.did.length = 0
  }

  get #facts(): ServingFacts {
    const { hasEveryWrite, hasParted, heardAtMs } = this
    return { leaseMs: LEASE_MS, hasEveryWrite, hasParted, heardAtMs }
  }

  leaseEnds(): void {
    this.serving.guests(false)
    this.serving.lease(false)
  }

  /** As the worker's clock goes on; what was done meanwhile. */
  pass(ms: number): string[] {
    this.did.length = 0
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) this.serving.tick((this.nowMs += 50))
    return [...new Set(this.did)]
  }
}

const continuing = (): Scene => {
  const scene = new Scene('continue')
  scene.leaseEnds()
  scene.pass(2 * LEASE_MS + 100)
  scene.hasParted = true
  expect(scene.pass(50)).toEqual([GOES_ON, 'answer', 'run'])
  return scene
}

test('freeze: the guest waits, for as long as it takes', () => {
  const scene = new Scene('freeze')
  scene.leaseEnds()
  expect(scene.did).toEqual([
    ...['guest-paused by neither-peer-nor-witness', 'stand', 'freeze', 'guest-frozen by neither-peer-nor-witness'],
  ])
  expect(scene.pass(600_000)).toEqual([])
})

test('stop: the guest is destroyed once, when the lease is over and not before', () => {
  const scene = new Scene('stop')
  scene.serving.guests(false)
  expect(scene.pass(1000)).toEqual([])
  scene.serving.lease(false)
  expect(scene.pass(60_000)).toEqual(['guest-stopped by stop', 'destroy'])
})

describe('continue', () => {
  test('two leases of silence, then the histories part, then the guest goes on and each minute says what it risks', () => {
    const scene = new Scene('continue')
    scene.leaseEnds()
    expect(scene.pass(2 * LEASE_MS)).toEqual([])
    expect(scene.pass(500)).toEqual(['part'])
    scene.hasParted = true
    expect(scene.pass(50)).toEqual([GOES_ON, 'answer', 'run'])
    expect(scene.serving.risk).not.toBe('')
    expect(scene.pass(59_000)).toEqual([])
    expect(scene.pass(2000)).toEqual([GOES_ON])
    scene.did.length = 0
    scene.serving.lease(true)
    scene.serving.guests(true)
    expect(scene.did).toEqual(['guest-released by lease-confirmed', 'run'])
    expect(scene.serving.risk).toBe('')
  })
  test('a process that stood still heard nobody meanwhile, and waits as long as any other', () => {
    const scene = new Scene('continue')
    scene.pass(1000)
    scene.nowMs += 60_000
    scene.leaseEnds()
    expect(scene.pass(2 * LEASE_MS)).toEqual([])
    expect(scene.pass(500)).toEqual(['part'])
  })
  test('a peer that is heard again, also with a refusal, ends it', () => {
    const scene = continuing()
    scene.heardAtMs = scene.nowMs
    expect(scene.pass(50)).toEqual(['freeze', 'guest-paused by neither-peer-nor-witness', 'stand'])
    expect(scene.pass(1000)).toEqual([])
  })
  test('without every write, or during a hand-over, it does not begin', () => {
    const lacking = new Scene('continue')
    lacking.hasEveryWrite = false
    const handing = new Scene('continue')
    handing.serving.quiet(true)
    for (const scene of [lacking, handing]) {
      scene.leaseEnds()
      expect(scene.pass(60_000)).toEqual([])
    }
  })
  test('a claim that another host holds ends it for good', () => {
    const scene = continuing()
    scene.serving.spent()
    expect(scene.did.at(-1)).toBe('freeze')
    expect(scene.pass(60_000)).toEqual([])
  })
})
