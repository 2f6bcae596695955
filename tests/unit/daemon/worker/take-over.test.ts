import { setTimeout as delay } from 'node:timers/promises'
import { type Claim, takenBy } from '../../../../lib/core/domain/claim'
import { volumeKey } from '../../../../lib/core/domain/ids'
import { FenceWord } from '../../../../lib/daemon/worker/claim/fence-word'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import { Secondary } from '../../../../lib/daemon/worker/secondary'
import { takeOver } from '../../../../lib/daemon/worker/claim/take-over'
import { noClaimNotes } from '../../../world/no-claim-notes'
import { openReplica } from '../../../../lib/dom0/replica/open-replica'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import { A, B, claimBy } from '../../../contracts/witness-port'
import { POOL, RunningWitness } from '../../../contracts/running-witness'

const DISK = volumeKey('dddddddd-0000-4000-8000-000000000004')
const unasked = (what: string) => (): never => {
  throw new Error(`${what} is not part of taking over`)
}

/** A secondary on host B that has heard nothing yet, in front of a witness that stores `claim`. */
class Scene {
  nowMs = 1_000_000
  /** Milliseconds that pass with every look at the clock. */
  stepMs = 200
  /** Waiting takes no time but on this clock. */
  waitsAtOnce = false
  /** Milliseconds from the moment a swap is sent to its answer. */
  swapMs = 0
  /** When the first one was sent. */
  firstSwapMs = Number.POSITIVE_INFINITY
  /** A swap whose answer is swallowed is stored; either way the witness is silent from then on. */
  swallows: 'nothing' | 'answers' | 'requests' = 'nothing'
  isSilent = false
  private constructor(
    readonly witness: RunningWitness,
    readonly claim: Claim,
    readonly secondary: Secondary,
    readonly parts: WorkerParts,
  ) {}

  static async of(claim: Claim, stored: boolean): Promise<Scene> {
    const witness = await RunningWitness.start()
    const port = witness.connect({ deadlineMs: 2000 })
    if (stored) await port.compareAndSwap(0, claim)
    const slowly: WitnessPort['compareAndSwap'] = (...ask) => {
      scene.firstSwapMs = Math.min(scene.firstSwapMs, scene.nowMs)
      scene.nowMs += scene.swapMs
      if (scene.swallows === 'nothing') return port.compareAndSwap(...ask)
      if (scene.swallows === 'requests') return scene.silence()
      // Without the condition of a lease that is over: it is stored for certain.
      return port.compareAndSwap(ask[0], ask[1]).then(() => scene.silence())
    }
    const clock = { nowMs: (): number => (scene.nowMs += scene.stepMs) }
    const pause = (ms: number): Promise<void> => {
      // An hour of a lease may be waited for until a fence is told: what is left of it keeps no process alive.
      if (!scene.waitsAtOnce) return delay(ms, undefined, { ref: false })
      scene.nowMs += ms
      return Promise.resolve()
    }
    const parts: WorkerParts = {
      ...{
        clock,
        bootClock: clock,
        timers: { ...systemTimers, pause },
        log: witness.log,
        openReplica,
        incarnation: 'one',
        newLinkId: () => 1,
      },
      leases: { left: null, tell: unasked('a note'), forget: unasked('forgetting'), trouble: '' },
      witness: {
        read: (vm) => (scene.isSilent ? scene.silence() : port.read(vm)),
        compareAndSwap: slowly,
        renew: unasked('a renewal'),
        remove: unasked('a removal'),
        carry: unasked('a carry'),
        ...{ id: 'one', reachable: true },
        close: unasked('closing'),
      },
      ...{ alternate: null, claimNotes: noClaimNotes },
      timeline: { record: unasked('the timeline') },
      domains: { state: unasked('state'), pause: unasked('pause'), unpause: unasked('unpause'), destroy: unasked('destroy') },
      ...{
        serveDisk: unasked('a disk'),
        serveView: unasked('a view'),
        keepAside: unasked('a copy'),
        putAway: unasked('a removal'),
        dialPeer: unasked('dialling'),
        listenPeer: unasked('listening'),
      },
      restart: unasked('a restart'),
      ...{ boot: 'boot', newGeneration: unasked('a name'), digest: unasked('a digest'), pace: {} },
    }
    const spec = {
      ...{ format: 1 as const, id: claim.vm, pool: POOL, host: B, vm: claim.vm, witness: '', poolKeyFile: '', timelineFile: '' },
      ...{ volumes: [], listen: null, peer: null, attached: {} },
    }
    const secondary = new Secondary(spec, { ...parts, clock: { nowMs: () => 1_000_000 } }, { revision: 1, claim })
    const scene = new Scene(witness, claim, secondary, parts)
    return scene
  }

  silence(): Promise<never> {
    this.isSilent = true
    return Promise.reject(new WitnessUnreachable('no answer'))
  }

  take(fence?: FenceWord, lossAccepted?: boolean) {
    return takeOver(this.secondary, B, this.parts, fence, lossAccepted)
  }

  stored() {
    return this.parts.witness.read(this.claim.vm)
  }
}

let scene: Scene
/** From now on its primary is heard all the time. */
const pings = (secondary: Secondary): void => {
  Object.defineProperty(secondary.rules, 'lastHeardMs', { get: () => scene.nowMs, configurable: true })
}
const open = async (changes: Partial<Claim> = {}, stored = true): Promise<Scene> =>
  (scene = await Scene.of(claimBy(A, { leaseMs: 1, upToDate: { [DISK]: [A, B] }, ...changes }), stored))
afterEach(async () => {
  await scene.secondary.close()
  await scene.witness.stop()
})

test('taken with the next term, for this host alone, with a lease from the moment it was asked for', async () => {
  const { secondary } = await open()
  scene.swapMs = 1000
  const taken = await scene.take()
  expect(taken).toMatchObject({ taken: true, stored: { claim: { term: 2, holder: B, upToDate: { [DISK]: [B] } } } })
  // One look at the clock since, for the fence.
  expect(taken).toHaveProperty('leaseFromMs', scene.nowMs - 1000 - scene.stepMs)
  expect(secondary.rules.sealed).toBe(true)
  expect(await scene.stored()).toEqual(taken.taken ? taken.stored : null)
})

test('a primary that was heard a moment ago is left alone, and not sealed out', async () => {
  const { secondary } = await open()
  pings(secondary)
  expect(await scene.take()).toEqual({ taken: false, why: 'holder-alive' })
  expect(secondary.rules.sealed).toBe(false)
  expect((await scene.stored())?.claim).toEqual(scene.claim)
})

test.each([
  ['not-up-to-date', { upToDate: { [DISK]: [A] } }, true],
  ['no-claim', {}, false],
  ['lease-current', { leaseMs: 3_600_000 }, true],
] as const)('%s: not taken, nothing changed, unsealed again', async (why, changes, stored) => {
  const { secondary } = await open(changes, stored)
  // An hour's lease also makes an hour's promise: this one is over, the witness's is not.
  if (why === 'lease-current') Object.assign(scene, { nowMs: scene.nowMs + 2 * 3_600_000, waitsAtOnce: true })
  expect(await scene.take()).toEqual({ taken: false, why })
  expect(secondary.rules.sealed).toBe(false)
  expect((await scene.stored())?.claim ?? null).toEqual(stored ? scene.claim : null)
})

test('a promise to the primary that is not over yet is kept: nothing is asked for until then', async () => {
  const { secondary } = await open({ leaseMs: 60_000 })
  secondary.rules.promised(scene.nowMs)
  const promisedMs = scene.nowMs
  scene.waitsAtOnce = true
  expect(await scene.take()).toEqual({ taken: false, why: 'lease-current' })
  expect(scene.firstSwapMs - promisedMs).toBeGreaterThan(60_000)
  expect(secondary.rules.sealed).toBe(false)
})

test('a witness that does not answer is asked again, and given up', async () => {
  const { secondary } = await open()
  await scene.witness.stop()
  scene.stepMs = 3000
  expect(await scene.take()).toEqual({ taken: false, why: 'witness-silent' })
  expect(secondary.rules.sealed).toBe(false)
})

test('an earlier swap of ours whose answer was lost counts, and begins no lease', async () => {
  await open()
  const current = await scene.stored()
  const ours = takenBy(scene.claim, B)
  await scene.parts.witness.compareAndSwap(current?.revision ?? 0, ours)
  expect(await scene.take()).toMatchObject({ taken: true, stored: { claim: ours }, leaseFromMs: null })
})

describe('a swap whose answer was lost', () => {
  const UNKNOWN = { taken: false, why: 'witness-silent', mayHold: true }

  test('was stored: nothing else is said while the witness is silent, and it is taken when it answers', async () => {
    const { secondary } = await open()
    Object.assign(scene, { swallows: 'answers', stepMs: 1500 })
    expect(await scene.take()).toEqual(UNKNOWN)
    expect(secondary.rules.sealed).toBe(false)
    // The old primary does not know either.
    scene.stepMs = 200
    pings(secondary)
    expect(await scene.take()).toEqual(UNKNOWN)
    expect(secondary.rules.sealed).toBe(false)
    Object.assign(scene, { isSilent: false, swallows: 'nothing', stepMs: 200 })
    pings(secondary)
    expect(await scene.take()).toMatchObject({ taken: true, stored: { claim: { term: 2, holder: B } }, leaseFromMs: null })
    expect(secondary.rules.sealed).toBe(true)
  })

  test('was not stored: whoever holds it keeps it', async () => {
    const { secondary } = await open()
    Object.assign(scene, { swallows: 'requests', stepMs: 1500 })
    expect(await scene.take()).toEqual(UNKNOWN)
    Object.assign(scene, { isSilent: false, swallows: 'nothing', stepMs: 200 })
    pings(secondary)
    expect(await scene.take()).toEqual({ taken: false, why: 'holder-alive' })
    expect(secondary.mayHold).toBe(false)
    expect((await scene.stored())?.claim).toEqual(scene.claim)
  })
})

describe('the machine of the holder is fenced', () => {
  const told = (untilMs: number | null): FenceWord => {
    const fence = new FenceWord()
    fence.told({ untilMs })
    return fence
  }

  test('an hour of its lease and of the promise to it need not pass', async () => {
    await open({ leaseMs: 3_600_000 })
    expect(await scene.take(told(null))).toMatchObject({ taken: true, rule: 'holder-fenced' })
    expect((await scene.stored())?.claim).toMatchObject({ term: 2, holder: B })
  })

  test('a word that has run out counts for nothing', async () => {
    await open({ leaseMs: 3_600_000 })
    scene.waitsAtOnce = true
    expect(await scene.take(told(scene.nowMs))).toEqual({ taken: false, why: 'lease-current' })
  })

  test('a word that comes while the lease is waited for ends the wait', async () => {
    await open({ leaseMs: 3_600_000 })
    // Time stands still: only the word ends the wait.
    scene.stepMs = 0
    const fence = new (class extends FenceWord {
      override news(): Promise<void> {
        setImmediate(() => this.told({ untilMs: null }))
        return super.news()
      }
    })()
    expect(await scene.take(fence)).toMatchObject({ taken: true, rule: 'holder-fenced' })
  })

  test('what this host lacks is given up only by an operator, and the claim keeps the mark', async () => {
    await open({ upToDate: { [DISK]: [A] } })
    expect(await scene.take(told(null))).toEqual({ taken: false, why: 'not-up-to-date' })
    expect(await scene.take(new FenceWord(), true)).toEqual({ taken: false, why: 'not-up-to-date' })
    expect(await scene.take(told(null), true)).toMatchObject({ taken: true, rule: 'loss-accepted' })
    expect((await scene.stored())?.claim).toMatchObject({ term: 2, holder: B, upToDate: { [DISK]: [B] }, lossAccepted: 2 })
  })

  test('a primary that is heard runs, whatever was said', async () => {
    const { secondary } = await open()
    pings(secondary)
    expect(await scene.take(told(null))).toEqual({ taken: false, why: 'holder-alive' })
  })
})
