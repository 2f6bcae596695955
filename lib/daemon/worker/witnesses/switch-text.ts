import type { DeciderNote } from '../../../core/domain/decider-note'
import type { VmUuid } from '../../../core/domain/ids'
import type { WorkerParts } from '../parts'
import type { Told } from './agreement'

/** `isOwn`: of a switch that this host began, or ended for another. */
export function tellOfSwitch(
  vm: VmUuid,
  rule: Told,
  { generation, by }: DeciderNote,
  isOwn: boolean,
  { witness, timeline, log }: Pick<WorkerParts, 'witness' | 'timeline' | 'log'>,
): void {
  const name = by === witness.id ? 'preferred' : 'alternate'
  const [text, evidence] = [switchText(rule, name), { generation, witness: name, by }]
  if (isOwn) timeline.record({ vm, act: rule, rule: 'who-decides', text, evidence })
  else log.info(text, evidence)
}

function switchText(rule: Told, name: string): string {
  switch (rule) {
    case 'switch-begun':
      return `The ${name} witness is to decide from now on. Until it does, the peer's promises hold the lease.`
    case 'switch-decided':
      return `The ${name} witness decides now.`
    case 'switch-overtaken':
      return `The ${name} witness decides now: another host was faster.`
    case 'switch-void':
      return `The switch is void: another host holds the claim, and the ${name} witness decides as before.`
  }
}
