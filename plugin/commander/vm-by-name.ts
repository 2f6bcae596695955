import { Refusal } from '../../lib/core/domain/errors'
import { isUuid } from '../../lib/core/domain/ids'
import type { Ask } from '../../lib/dom0/api/daemon-client'

/** The uuid of the VM that an operator names by uuid or by its exact name. */
export async function vmByName(text: string, ask: Ask): Promise<string> {
  if (isUuid(text)) return text
  const { vms } = await ask('status', {})
  const [first, second] = vms.filter(({ name }) => name === text)
  if (first === undefined) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm: text })
  if (second === undefined) return first.vm
  throw new Refusal('HOLDFAST_BAD_REQUEST', {
    reason: `More than one VM is called "${text}"; use a uuid: ${first.vm}, ${second.vm}.`,
  })
}
