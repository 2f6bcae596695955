/** What a replay found, for people. */
import type { Verdict } from './replay'

const KINDS = ['same', 'different', 'not built', 'not replayed'] as const

export function summary(name: string, verdicts: readonly Verdict[]): string {
  const counts = KINDS.map((kind) => [kind, verdicts.filter(({ is }) => is === kind).length] as const)
  const judged = verdicts.filter(({ is }) => is === 'same' || is === 'different')
  const same = judged.filter(({ is }) => is === 'same').length
  const share = judged.length === 0 ? '-' : `${Math.floor((100 * same) / judged.length)} %`
  return `${name}: ${counts.map(([kind, count]) => `${count} ${kind}`).join(', ')} (${share} of the built ones the same)`
}

export function details(verdicts: readonly Verdict[]): string[] {
  return verdicts
    .filter(({ is }) => is !== 'same')
    .map(
      ({ step, is, why }) =>
        `  ${is}: ${step.name} [${step.transport}] ${typeof step.members['method'] === 'string' ? step.members['method'] : ''}: ${why}`,
    )
}
