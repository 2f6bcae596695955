import { vmUuid } from '../../../../lib/core/domain/ids'
import { LeftGuest } from '../../../../lib/daemon/worker/guest/left-guest'
import type { LeaseTold } from '../../../../lib/ports/lease-notes'
import type { TimelineEntry } from '../../../../lib/core/domain/timeline'
import { QuietLog } from '../../../integration/quiet-log'

const LEFT: LeaseTold = { domids: ['7'], untilMs: 1000, then: 'pause', pauseWithinMs: 300, isPaused: false }

/** A host with one domain, whose worker was started again while the witness is silent. */
class Host {
  nowMs = 0
  pauses = 0
  watchdogPaused = false
  readonly did: string[] = []
  readonly told: LeaseTold[] = []
  readonly guest: LeftGuest
  /** A pause is asked for, and takes its time. */
  pauseEnds: (() => void) | null = null
  isSlow = false
  #tick: (() => void) | null = null

  constructor(left: LeaseTold | null) {
    this.guest = new LeftGuest(vmUuid('eeeeeeee-0000-4000-8000-000000000001'), {
      clock: { nowMs: () => this.nowMs },
      log: new QuietLog(),
      timers: {
        after: () => ({ stop: () => undefined }),
        pause: () => Promise.resolve(),
        every: (_ms, act) => {
          this.#tick = act
          return { stop: () => void (this.#tick = null) }
        },
      },
      timeline: { record: ({ act, rule }: Pick<TimelineEntry, 'act' | 'rule'>) => void this.did.push(`${act} ${rule}`) },
      leases: {
        left,
        tell: (lease) => {
          this.told.push(lease)
          this.did.push('tell')
          return this.watchdogPaused
        },
        forget: () => undefined,
        trouble: '',
      },
      domains: {
        state: () => Promise.resolve(this.pauses > 0 ? 'standing' : 'running'),
        pause: async () => {
          this.did.push('pause')
          if (this.isSlow) await new Promise<void>((resolve) => (this.pauseEnds = resolve))
          this.pauses += 1
        },
        unpause: () => Promise.reject(new Error('nobody may let it go')),
        destroy: () => Promise.reject(new Error('nobody may end it')),
      },
    })
  }

  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 50
      this.#tick?.()
      for (let turn = 0; turn < 30; turn += 1) await Promise.resolve()
    }
  }
}

const never = new Promise<never>(() => undefined)

test('a guest uses up the lease of the worker before, and is paused when that is over', async () => {
  const host = new Host(LEFT)
  void host.guest.until(never)
  await host.pass(950)
  expect(host.did).toEqual([])
  await host.pass(3000)
  expect(host.did).toEqual(['tell', 'guest-paused role-unknown', 'pause'])
  expect(host.told).toEqual([{ ...LEFT, isPaused: true }])
  expect(host.guest.left).toEqual({ ...LEFT, isPaused: true })
})

test('one that the watchdog has paused is not paused twice', async () => {
  const host = new Host(LEFT)
  host.watchdogPaused = true
  host.pauses = 1
  void host.guest.until(never)
  await host.pass(3000)
  expect([host.pauses, host.did]).toEqual([1, ['tell']])
})

test.each([null, { ...LEFT, untilMs: null }])('nothing is done without a lease that ends: %p', async (left) => {
  const host = new Host(left)
  void host.guest.until(never)
  await host.pass(3000)
  expect([host.did, host.guest.left]).toEqual([[], left])
})

test('the role is told when no pause is under way any more, and nothing is paused after that', async () => {
  const host = new Host(LEFT)
  host.isSlow = true
  let tell: (role: string) => void = () => undefined
  const order: string[] = []
  const known = host.guest.until(new Promise<string>((resolve) => (tell = resolve))).then((role) => order.push(role))
  await host.pass(1000)
  expect(host.pauseEnds).not.toBeNull()
  tell('primary')
  await host.pass(100)
  order.push('paused')
  host.pauseEnds?.()
  await known
  expect(order).toEqual(['paused', 'primary'])
  host.pauses = 0
  await host.pass(3000)
  expect(host.pauses).toBe(0)
})
