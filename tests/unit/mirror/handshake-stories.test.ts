import { join } from 'node:path'
import { compareHistories } from '../../../lib/core/mirror/handshake'
import { stories } from '../stories'
import { onlyIn, shown, type Body } from './handshake/body'
import { complaint } from './handshake/judge'
import { Lives } from './handshake/lives'

const says = (one: Body, peer: Body): string => {
  const { rule, strategy } = compareHistories(one, peer)
  return `${one.name} says: ${rule}, ${strategy}`
}

/** `look`: what both say of themselves, what is only on one of them, and the verdicts. */
function look({ bodies: { a, b }, listed, acknowledged }: Lives): string[] {
  const [onA, onB] = [onlyIn(a, b), onlyIn(b, a)]
  expect(complaint(a, b, acknowledged, compareHistories(a, b))).toBe('')
  return [
    ...[`the claim lists ${[...listed].sort().join(' ')}`, ...shown(a), ...shown(b)],
    ...[onA, onB].flatMap((writes, at) => (writes.length === 0 ? [] : [`only on ${'ab'[at] ?? ''}: ${writes.join(' ')}`])),
    ...[says(a, b), says(b, a)],
  ]
}

/** The whole of it, without a mishap. */
const B_JOINS =
  'begin peer-is-new; mark source; mark target; copy 0; copy 1; copy 2; copy 3; flush; announce; finish; list; rejoin a; settle; forget a; forget b'

/** tests/scenarios/handshake: what befalls two replicas, and the verdict when they meet. */
stories(join(__dirname, '..', '..', 'scenarios', 'handshake'), () => {
  const lives = new Lives()
  return (line) => {
    for (const command of line.replace('b joins', B_JOINS).split('; ')) {
      if (command === 'look') return look(lives)
      const act = lives.acts().get(command)
      if (act === undefined) throw new Error(`${command} cannot happen now; ${[...lives.acts().keys()].join(', ')} can`)
      act()
    }
    return []
  }
})
