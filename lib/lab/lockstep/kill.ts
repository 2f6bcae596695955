import type { TimelineEntry } from '../../core/domain/timeline'
import { longestGaps } from '../client/verify'
import { monotonicMs } from '../client/record'
import type { Moment } from '../demo/measure'
import { statusOn, timelineOn } from '../demo/operator'
import { until } from '../demo/stage'
import { type LockstepScene, untilLockstep } from './scene'

/** What the loss of the primary's host was to the client. Milliseconds after the kill, but for lengths; null: not seen. */
export interface KillOutcome {
  readonly host: string
  readonly survivor: string
  /** Length of the longest time without an answer, until the client was answered again. */
  readonly gapMs: number
  readonly suspectedMs: number | null
  readonly claimTakenMs: number | null
  readonly goesOnMs: number | null
  /** The first answer to a question that was asked after the kill. */
  readonly answeringMs: number
  /** Length of the longest time without an answer while the lost host came back and lockstep began again. */
  readonly afterwardsGapMs: number
  /** From the start of the lost host until the VM was in lockstep again. A length. */
  readonly lockstepAgainMs: number
  /** The VM was started anew somewhere, which nobody should have needed. */
  readonly wasStarted: boolean
}

const GO_ON_LIMIT_MS = 60_000
/** So many answers show that the guest goes on. */
const ENOUGH = 50

/** Everything on the primary's host is killed at once; its guest goes on; the host comes back, and lockstep with it. */
export async function killInLockstep(scene: LockstepScene, host: string, survivor: string): Promise<KillOutcome> {
  const { lab, vm, counter } = scene
  const broken = now()
  scene.say(await lab.fault({ kind: 'host', host }))
  const deadMs = monotonicMs()
  // No command is run meanwhile: it would take its time from those who go on.
  await until(`the guest goes on on ${survivor}`, GO_ON_LIMIT_MS, () => {
    scene.look()
    return Promise.resolve(counter.askedAndAnsweredSince(deadMs) >= ENOUGH)
  })
  const answering = counter.answers().find(({ sent }) => sent > deadMs)?.at ?? deadMs
  const answeredMs = monotonicMs()
  scene.say(`the client goes on over the same connection, ${seconds(answering - broken.monotonicMs)} after the kill`)
  await until(`XAPI shows the VM on ${survivor}`, GO_ON_LIMIT_MS, async () => {
    scene.look()
    return (await statusOn(lab, survivor, vm))?.residentOn === survivor
  })
  const bootMs = monotonicMs()
  scene.say(await lab.undo({ kind: 'host', host }))
  await untilLockstep(scene, survivor)
  const wholeMs = monotonicMs()
  const entries = (await timelineOn(lab, survivor)).filter(({ at }) => Date.parse(at) >= broken.wallMs)
  const since = firstOf(entries, broken)
  const gapIn = (fromMs: number, toMs: number): number => longestGaps(counter.answers(), fromMs, toMs)[0]?.lengthMs ?? 0
  return {
    ...{ host, survivor },
    gapMs: gapIn(broken.monotonicMs, answeredMs),
    suspectedMs: since('host-suspected'),
    claimTakenMs: since('claim-swapped', 'claim-taken'),
    goesOnMs: since(...GOES_ON),
    answeringMs: answering - broken.monotonicMs,
    afterwardsGapMs: gapIn(answeredMs, wholeMs),
    lockstepAgainMs: wholeMs - bootMs,
    wasStarted: entries.some((entry) => entry.vm === vm && entry.act === 'start-called'),
  }
}

const GOES_ON = ['guest-went-on', 'vm-goes-on']

const firstOf =
  (entries: readonly TimelineEntry[], { wallMs }: Moment) =>
  (...acts: readonly string[]): number | null => {
    const times = entries.filter(({ act }) => acts.includes(act)).map(({ at }) => Date.parse(at) - wallMs)
    return times.length === 0 ? null : Math.min(...times)
  }

const now = (): Moment => ({ wallMs: Date.now(), monotonicMs: monotonicMs() })
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
