import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { refusalLines } from '../../../lib/core/domain/errors'
import { hostName } from '../../../lib/core/domain/inventory'
import { planHostLost } from '../../../lib/core/policy/host-loss'
import { lossStepText, stepText } from '../../../lib/core/policy/plan-text'
import { planMove } from '../../../lib/core/policy/move-plan'
import { isRefusal, planProtect, planUnprotect } from '../../../lib/core/policy/planner'
import type { Situation } from '../../../lib/core/policy/protection'
import { hostId, situationOf, vmId, type PoolFile } from './pool-file'

/**
 * tests/plans/<case>/pool.json → plan.txt. `UPDATE=1` writes the plans anew; read the difference before it is committed.
 */
const CASES = join(__dirname, '..', '..', 'plans')
const UPDATE = process.env['UPDATE'] === '1'
if (UPDATE && process.env['CI'] !== undefined) throw new Error('UPDATE=1 is refused where CI is set')

type Ask = PoolFile['ask'][number]

function answer(ask: Ask, situation: Situation): string {
  const { inventory } = situation
  if ('lose' in ask) {
    const { steps } = planHostLost(situation, hostId(ask.lose))
    return numbered(
      `if ${ask.lose} is lost`,
      steps.map((step) => [lossStepText(step, inventory), step.reason]),
    )
  }
  if ('move' in ask) return moved(ask, situation)
  const wanted = 'protect' in ask ? ask.protect : ask.unprotect
  const vm = inventory.vms.some(({ name }) => name === wanted) ? vmId(wanted) : wanted
  const outcome = 'protect' in ask ? planProtect(situation, { vm, level: ask.level }) : planUnprotect(situation, vm)
  const title = 'protect' in ask ? `protect ${wanted} at ${ask.level}` : `unprotect ${wanted}`
  if (isRefusal(outcome))
    return [title, `  refused: ${outcome.code}`, ...indented(refusalLines(outcome.code, outcome.facts))].join('\n')
  const { from, to, primary, secondary, needsHalt, steps } = outcome
  const roles = `${from} -> ${to}, primary ${hostName(inventory, primary)}, secondary ${hostName(inventory, secondary)}`
  const halt =
    needsHalt === null ? [] : [`  not now: ${needsHalt.code}`, ...indented(refusalLines(needsHalt.code, needsHalt.facts))]
  return [
    numbered(
      `${title} (${roles})`,
      steps.map((step) => [stepText(step, inventory), step.reason]),
    ),
    ...halt,
  ].join('\n')
}

function moved({ move, to }: Extract<Ask, { move: string }>, situation: Situation): string {
  const { vms } = situation.inventory
  const outcome = planMove(situation, { vm: vms.some(({ name }) => name === move) ? vmId(move) : move, to })
  if (isRefusal(outcome))
    return [`move ${move} to ${to}`, `  refused: ${outcome.code}`, ...indented(refusalLines(outcome.code, outcome.facts))].join(
      '\n',
    )
  const from = hostName(situation.inventory, outcome.from)
  return numbered(
    `move ${move} to ${to} (from ${from})`,
    outcome.steps.map(({ step, reason }) => [step, reason]),
  )
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`)

function numbered(title: string, steps: readonly (readonly [text: string, reason: string])[]): string {
  if (steps.length === 0) return `${title}\n  nothing to do`
  return [title, ...steps.flatMap(([text, reason], index) => [`  ${index + 1}. ${text}`, `     because ${reason}`])].join('\n')
}

const cases = readdirSync(CASES)

test('there are cases', () => expect(cases.length).toBeGreaterThanOrEqual(15))

test.each(cases)('%s', (name) => {
  const file = JSON.parse(readFileSync(join(CASES, name, 'pool.json'), 'utf8')) as PoolFile
  const situation = situationOf(file)
  const text = `${file.ask.map((ask) => answer(ask, situation)).join('\n\n')}\n`
  const golden = join(CASES, name, 'plan.txt')
  if (UPDATE) writeFileSync(golden, text)
  expect(text).toBe(existsSync(golden) ? readFileSync(golden, 'utf8') : 'no plan.txt')
})
