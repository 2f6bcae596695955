import { Guest, type GuestLease } from '../../../../lib/daemon/worker/guest/guest'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { LeaseTold } from '../../../../lib/ports/lease-notes'
import { QuietLog } from '../../../integration/quiet-log'

const DOMID = '7'

/** One domain whose pauses are counted, as Xen does it, and a watchdog's folder. */
class Host {
  nowMs = 10_000
  pauses = 0
  isThere = true
  /** What the toolstack does wrong: nothing, refuses, or does it and then says no. */
  mood: 'works' | 'refuses' | 'lies' = 'works'
  readonly did: string[] = []
  told: LeaseTold | null = null
  wasPaused = false
  readonly disk = { attachedTo: DOMID, active: true }
  readonly lease: GuestLease = { untilMs: 11_000, then: 'pause', pauseWithinMs: 300 }
  guest: Guest

  constructor(left: LeaseTold | null = null) {
    const parts: Pick<WorkerParts, 'clock' | 'log' | 'leases' | 'domains'> = {
      clock: { nowMs: () => this.nowMs },
      log: new QuietLog(),
      leases: {
        left,
        tell: (lease) => {
          this.told = lease
          this.did.push(lease.isPaused ? 'tell paused' : 'tell')
          return this.wasPaused
        },
        forget: () => {
          this.told = null
          this.did.push('forget')
        },
        trouble: '',
      },
      domains: {
        state: () => Promise.resolve(!this.isThere ? 'gone' : this.pauses > 0 ? 'standing' : 'running'),
        pause: () => this.#asked('pause', 1),
        unpause: () => this.#asked('unpause', -1),
        destroy: () => {
          this.did.push('destroy')
          this.isThere = false
          return Promise.resolve()
        },
      },
    }
    // A guest asks nothing else of the world but, at its end, the time.
    this.guest = new Guest({ ...parts, timers: { pause: () => Promise.resolve() } } as unknown as WorkerParts, () => [this.disk])
  }

  #asked(verb: string, by: number): Promise<void> {
    this.did.push(verb)
    const isRefused = this.mood === 'refuses' || (by < 0 && this.pauses === 0)
    if (!isRefused) this.pauses += by
    return isRefused || this.mood === 'lies' ? Promise.reject(new Error('xl: no')) : Promise.resolve()
  }

  /** As often as the worker does it. */
  async pass(ms: number, lease: GuestLease | null = this.lease): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 50
      this.guest.tick(this.nowMs, lease)
      for (let turn = 0; turn < 30; turn += 1) await Promise.resolve()
    }
  }

  async stands(): Promise<void> {
    this.guest.stand()
    await this.pass(100)
  }

  async runs(): Promise<void> {
    this.guest.run()
    await this.pass(100)
  }

  get verbs(): string[] {
    return this.did.filter((act) => !act.startsWith('tell'))
  }
}

describe('what the watchdog is told', () => {
  test('each deadline at once, the same one twice a second, and when there is no guest any more', async () => {
    const host = new Host()
    await host.pass(1000)
    expect(host.did).toEqual(['tell', 'tell'])
    expect(host.told).toEqual({ ...host.lease, domids: [DOMID], isPaused: false })
    await host.pass(50, { ...host.lease, untilMs: 12_000 })
    expect(host.did).toHaveLength(3)
    host.disk.active = false
    await host.pass(500)
    expect([host.told, host.verbs]).toEqual([null, ['forget']])
  })
  test('nothing of a VM without a claim', async () => {
    const host = new Host()
    await host.pass(1000, null)
    expect(host.did).toEqual([])
  })
  test('of a pause before it is made', async () => {
    const host = new Host()
    await host.pass(50)
    await host.stands()
    expect(host.did).toEqual(['tell', 'tell paused', 'pause'])
    await host.runs()
    expect(host.told?.isPaused).toBe(false)
  })
})

describe('pauses that are counted', () => {
  test("ours are taken back, and not the operator's", async () => {
    const host = new Host()
    host.pauses = 1
    await host.stands()
    expect(host.pauses).toBe(2)
    await host.runs()
    await host.pass(5000)
    expect([host.pauses, host.verbs]).toEqual([1, ['pause', 'unpause']])
  })
  test("the watchdog's, too, until the guest runs", async () => {
    const host = new Host()
    await host.stands()
    host.wasPaused = true
    host.pauses += 1
    await host.pass(100, { ...host.lease, untilMs: 1 })
    host.wasPaused = false
    await host.runs()
    expect([host.pauses, host.verbs]).toEqual([0, ['pause', 'unpause', 'unpause']])
  })
  test('a guest that somebody let go meanwhile is paused again', async () => {
    const host = new Host()
    await host.stands()
    host.pauses = 0
    await host.pass(1100)
    expect(host.pauses).toBe(1)
    await host.runs()
    expect(host.pauses).toBe(0)
  })
  test.each(['refuses', 'lies'] as const)(
    'a toolstack that %s is asked again, and what it may have done is undone',
    async (mood) => {
      const host = new Host()
      host.mood = mood
      await host.stands()
      host.mood = 'works'
      await host.pass(1100)
      expect(host.pauses).toBe(1)
      host.mood = mood
      await host.runs()
      host.mood = 'works'
      await host.pass(1100)
      expect(host.pauses).toBe(0)
      expect(host.told?.isPaused).toBe(false)
    },
  )
  test('a guest that cannot run is not unpaused for ever', async () => {
    const host = new Host()
    host.mood = 'lies'
    await host.stands()
    host.mood = 'refuses'
    await host.runs()
    await host.pass(60_000)
    expect(host.verbs.filter((verb) => verb === 'unpause').length).toBeLessThan(10)
  })
})

describe('a process after another one', () => {
  const left = { domids: [DOMID], untilMs: 10_300, then: 'pause', pauseWithinMs: 300, isPaused: false } as const
  test('uses up the lease of the one before, and pauses the guest when that is over', async () => {
    const host = new Host(left)
    host.guest.waits()
    await host.pass(250, { ...host.lease, untilMs: 0 })
    expect(host.did).toEqual([])
    await host.pass(100, { ...host.lease, untilMs: 0 })
    expect(host.did).toEqual(['tell paused', 'pause'])
  })
  test('takes back a pause of the one before, when there is one', async () => {
    for (const isPaused of [true, false]) {
      const host = new Host({ ...left, isPaused })
      host.pauses = 1
      host.guest.waits()
      await host.runs()
      expect(host.pauses).toBe(isPaused ? 0 : 1)
    }
  })
})

test('the end: destroyed by us or by the watchdog, and forgotten when it is gone', async () => {
  const host = new Host()
  await host.pass(50)
  await host.guest.end()
  await host.pass(1000)
  expect(host.did).toEqual(['tell', 'tell', 'destroy', 'forget'])
})
