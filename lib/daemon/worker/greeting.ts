import type { Secondary as SecondaryRules } from '../../core/mirror/secondary'
import type { Refuse } from '../../ports/peer-connect'
import type { Hello } from '../../wire/peer'
import type { WorkerSpec } from '../../wire/worker-api'

/** Why a secondary does not want the primary that says hello; null: it is welcome. */
export function refusalOf(hello: Hello, spec: WorkerSpec, rules: Pick<SecondaryRules, 'judge' | 'term'>): Refuse | null {
  const refuse = (code: Refuse['code'], text: string): Refuse => ({ code, text, term: rules.term })
  if (hello.pool !== spec.pool || hello.vm !== spec.vm) return refuse('VM', 'this worker serves another VM')
  const { verdict } = rules.judge(hello.term)
  if (verdict === 'sealed') return refuse('SEALED', 'the claim is being taken over')
  if (verdict !== 'do') return refuse('TERM', 'a higher term is known')
  const wrong = spec.volumes.find(({ key }, index) => hello.volumes[index]?.key !== key)
  if (wrong !== undefined || hello.volumes.length !== spec.volumes.length) return refuse('VOLUMES', 'other volumes are expected')
  const size = spec.volumes.find(({ sizeBytes }, index) => hello.volumes[index]?.sizeBytes !== sizeBytes)
  return size === undefined ? null : refuse('SIZE', `volume ${size.key} has ${size.sizeBytes} bytes here`)
}
