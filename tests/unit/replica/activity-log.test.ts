import { EXTENT_BYTES } from '../../../lib/core/domain/blocks'
import { ActivityLog } from '../../../lib/core/replica/activity-log'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

const LOGS = 60
const STEPS = 120

interface Range {
  readonly offset: number
  readonly length: number
}
const extentsOf = ({ offset, length }: Range): number[] => {
  const extents: number[] = []
  for (let extent = 0; extent * EXTENT_BYTES < offset + length; extent++)
    if ((extent + 1) * EXTENT_BYTES > offset) extents.push(extent)
  return extents
}

/** The second version knows each change for itself. */
class Changes {
  readonly hot = new Set<number>()
  readonly changes: { extent: number; seq: number }[] = []
  settledBefore = 0

  /** Of what was entered before anything was settled nobody knows. */
  isSettled(extent: number): boolean {
    return this.settledBefore > 0 && this.changes.every((change) => change.extent !== extent || change.seq < this.settledBefore)
  }

  leave(extents: readonly number[]): void {
    for (const extent of extents) this.hot.delete(extent)
    this.changes.splice(0, this.changes.length, ...this.changes.filter(({ extent }) => !extents.includes(extent)))
  }
}

const sorted = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b)

describe(`activity log (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test(`${LOGS} logs: who is in, who is settled, who makes room`, () => {
    let planned = 0
    let full = 0
    for (const seed of seeds(LOGS)) {
      const dice = new Dice(seed)
      const limit = 2 + dice.below(30)
      const extents = 1 + dice.below(3 * limit)
      const sizeBytes = extents * EXTENT_BYTES - dice.below(EXTENT_BYTES)
      const log = new ActivityLog(sizeBytes, limit)
      const changes = new Changes()
      const range = (): Range => {
        const offset = dice.below(sizeBytes)
        return { offset, length: 1 + dice.below(Math.min(sizeBytes - offset, dice.chance(0.2) ? 3 * EXTENT_BYTES : 4096)) }
      }
      for (let seq = 1; seq < STEPS; seq++) {
        const { offset, length } = range()
        // One in a while had waited, and has a lower number than those that went past it.
        const number = dice.chance(0.1) ? Math.max(1, seq - dice.below(20)) : seq
        const isHot = extentsOf({ offset, length }).every((extent) => changes.hot.has(extent))
        expect({ seed, seq, admits: log.admits(offset, length, number) }).toEqual({ seed, seq, admits: isHot })
        if (isHot) for (const extent of extentsOf({ offset, length })) changes.changes.push({ extent, seq: number })
        if (dice.chance(0.3)) {
          const before = dice.below(seq + 1)
          log.settled(before)
          changes.settledBefore = Math.max(changes.settledBefore, before)
        }
        const unsettled = sorted(changes.hot).filter((extent) => !changes.isSettled(extent))
        expect({ seed, seq, extents: sorted(log.extents), isSettled: log.isSettled }).toEqual({
          ...{ seed, seq, extents: sorted(changes.hot), isSettled: unsettled.length === 0 },
        })
        const since = dice.below(seq)
        const changedSince = sorted(changes.hot).filter((extent) =>
          changes.changes.some((one) => one.extent === extent && one.seq > since),
        )
        expect({ seed, seq, changed: log.changedSince(since) }).toEqual({ seed, seq, changed: changedSince.length })

        const wanted = [{ offset, length }, ...Array.from({ length: dice.below(4) }, range)].filter(
          (one) => !extentsOf(one).every((extent) => changes.hot.has(extent)),
        )
        const [first] = wanted
        if (first === undefined) continue
        const any = dice.chance(0.3)
        const plan = log.plan(wanted, any)
        const needed = extentsOf(first)
        const kept = [...changes.hot].filter((extent) => needed.includes(extent) || (!any && !changes.isSettled(extent)))
        const room = limit - new Set([...kept, ...needed]).size
        expect({ seed, seq, fits: plan !== null }).toEqual({ seed, seq, fits: room >= 0 })
        if (plan === null) full++
        if (plan === null) continue
        planned++
        const { enter, leave } = plan
        const after = [...changes.hot].filter((extent) => !leave.includes(extent)).concat(enter)
        const complaints = [
          ...(after.length > limit ? ['more than the log holds'] : []),
          ...(new Set(after).size < after.length ? ['an extent twice'] : []),
          ...(enter.some((extent) => extent < 0 || extent * EXTENT_BYTES >= sizeBytes) ? ['past the end'] : []),
          ...(leave.some((extent) => !changes.hot.has(extent)) ? ['one leaves that was not in'] : []),
          ...(needed.some((extent) => !after.includes(extent)) ? ['the first one has no room'] : []),
          ...(!any && leave.some((extent) => !changes.isSettled(extent)) ? ['one leaves that is not settled'] : []),
        ]
        expect({ seed, seq, complaints }).toEqual({ seed, seq, complaints: [] })
        if (dice.chance(0.3)) continue
        log.leave(leave)
        changes.leave(leave)
        log.entered(enter)
        for (const extent of enter) changes.hot.add(extent)
      }
    }
    expect(Math.min(planned, full)).toBeGreaterThan(5)
  })

  test('the longest unused leave first, a batch at a time, and a sequential writer is expected', () => {
    const log = new ActivityLog(1000 * EXTENT_BYTES, 200)
    const all = Array.from({ length: 200 }, (_, extent) => 2 * extent)
    log.entered(all)
    for (const extent of all) log.admits(extent * EXTENT_BYTES, 1, 1000 - extent)
    expect(log.plan([{ offset: 900 * EXTENT_BYTES, length: 1 }], false)).toBeNull()
    log.settled(1001)
    const plan = log.plan([{ offset: 900 * EXTENT_BYTES, length: 1 }], false)
    expect(plan?.enter).toEqual([900])
    expect(plan?.leave).toEqual(Array.from({ length: 65 }, (_, n) => 398 - 2 * n))
    const ahead = log.plan([{ offset: 399 * EXTENT_BYTES, length: 1 }], false)
    expect(ahead?.enter).toEqual([399, 400, 401, 402, 403, 404, 405, 406])
    log.restart()
    expect([log.extents, log.unsettled()]).toEqual([[], []])
  })
})
