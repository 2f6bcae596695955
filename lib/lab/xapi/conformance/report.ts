/** What a replay found, for people. */
import type { Verdict } from './replay'

const KINDS = ['same', 'different', 'not built'] as const

export function summary(name: string, verdicts: readonly Verdict[]): string {
  const count = (kind: Verdict['is']): number => verdicts.filter(({ is }) => is === kind).length
  const built = count('same') + count('different')
  const share = built === 0 ? '-' : `${Math.floor((100 * count('same')) / built)} %`
  return `${name}: ${KINDS.map((kind) => `${count(kind)} ${kind}`).join(', ')} (${share} of the built ones the same)`
}

export function details(verdicts: readonly Verdict[]): string[] {
  return verdicts
    .filter(({ is }) => is !== 'same')
    .map(({ step, is, why }) => {
      const { method } = step.members
      return `  ${is}: ${step.name} [${step.transport}] ${typeof method === 'string' ? method : ''}: ${why}`
    })
}
