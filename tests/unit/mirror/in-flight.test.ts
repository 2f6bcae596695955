import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import { InFlight, isDone } from '../../../lib/core/mirror/in-flight'
import { BIT, isPending, operation, type Operation } from '../../../lib/core/mirror/operation'
import type { Side } from '../../../lib/core/mirror/events'
import { SIDES } from '../../../lib/core/mirror/events'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

const zero = (offset: number, length: number): ReplicaRequest => ({ kind: 'zero', offset, length, punch: false, fua: false })
const FLUSH: ReplicaRequest = { kind: 'flush', offset: 0, length: 0 }
const READ: ReplicaRequest = { kind: 'read', offset: 0, length: 512 }

interface Asked {
  readonly op: Operation
  readonly side: Side
  readonly issue: number
}

describe(`in flight (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('what was asked of whom, and which changes are answered, as a list of it all says', () => {
    let lost = 0
    for (const seed of seeds(80)) {
      const dice = new Dice(seed)
      const flights = new InFlight()
      let asked: Asked[] = []
      const running = new Set<Operation>()
      let last = 0
      for (let step = 0; step < 100; step++) {
        const what = dice.of(['enter', 'enter', 'ask', 'ask', 'ask', 'answer', 'answer', 'answer', 'leave', 'lost'])
        const op = running.size === 0 ? undefined : dice.of([...running])
        const one = asked.length === 0 ? undefined : dice.of(asked)
        if (what === 'enter') {
          const request = dice.of([zero(dice.below(20), 1 + dice.below(4)), FLUSH])
          const next = operation(request, dice.chance(0.5) ? 1 : null)
          if (flights.enter(next)) running.add(next)
        } else if (what === 'ask' && op !== undefined) {
          const side = dice.of(SIDES)
          if (op.issue[side] !== 0) continue
          const issue = flights.asked(op, side)
          expect(issue).toBe(++last)
          asked.push({ op, side, issue })
        } else if (what === 'answer' && one !== undefined) {
          asked = asked.filter((each) => each !== one)
          expect(flights.answered(one.issue) === one.op).toBe(true)
          expect(flights.answered(one.issue)).toBeUndefined()
          one.op.issue[one.side] = 0
        } else if (what === 'leave' && op !== undefined) {
          // Given up: answers that still come are for nobody.
          const gone = asked.filter((each) => each.op === op)
          asked = asked.filter((each) => each.op !== op)
          running.delete(op)
          for (const next of flights.leave(op)) running.add(next)
          for (const { issue } of gone) expect(flights.answered(issue)).toBeUndefined()
          expect(isPending(op)).toBe(false)
        } else if (what === 'lost') {
          const side = dice.of(SIDES)
          const owed = asked.filter((each) => each.side === side)
          asked = asked.filter((each) => each.side !== side)
          const said = flights.lost(side)
          expect(said.length).toBe(owed.length)
          owed.forEach(({ op: each, issue }, at) => {
            expect([said[at] === each, each.issue[side], flights.answered(issue)]).toEqual([true, 0, undefined])
          })
          lost += owed.length
        }
        const changes = asked.filter((each) => each.op.request.kind === 'zero').map(({ issue }) => issue)
        expect({ seed, step, before: flights.answeredBefore }).toEqual({ seed, step, before: Math.min(last + 1, ...changes) })
        const isSame = flights.running.length === running.size && flights.running.every((each) => running.has(each))
        expect([isSame, flights.lastIssue]).toEqual([true, last])
      }
    }
    expect(lost).toBeGreaterThan(80)
  })

  test('a read waits for earlier changes of the same bytes that the replica does not have, also for those that wait', () => {
    const flights = new InFlight()
    const [first, second, later] = [
      operation(zero(0, 512), 1, null, 1),
      operation(zero(256, 512), 2, null, 2),
      operation(zero(0, 8), 4, null, 4),
    ]
    const read = operation(READ, 3, null, 3)
    const next = operation({ ...READ, offset: 768 }, 3, null, 3)
    for (const op of [first, second, later]) flights.enter(op)
    first.done = BIT.local
    expect([isDone(first, 'local'), isDone(first, 'peer')]).toEqual([true, false])
    // The second one waits for the first one's range and is nowhere yet.
    expect([flights.isAhead(read, 'local'), flights.isAhead(read, 'peer'), flights.isAhead(next, 'peer')]).toEqual([
      true,
      true,
      false,
    ])
    for (const op of flights.leave(first)) op.done = BIT.local
    expect([flights.isAhead(read, 'local'), flights.isAhead(read, 'peer')]).toEqual([false, true])
    flights.leave(second)
    expect([flights.isAhead(read, 'local'), flights.isAhead(read, 'peer')]).toEqual([false, false])
  })
})
