import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { Level } from '../../core/domain/level'
import { LEVEL_KEY, SECONDARY_KEY } from '../../core/policy/protection'
import { XapiFailure } from '../../ports/xapi'
import type { HostParts } from './parts'

type Parts = Pick<HostParts, 'xapi' | 'log'>

const XAPI_WRITE_MS = 5000

/** What was accepted, where every client of XAPI reads it. */
export async function recordLevel(parts: Parts, vm: VmUuid, level: Level, secondary: HostUuid | null): Promise<void> {
  await otherConfig(parts, vm, LEVEL_KEY, level === 'unprotected' ? null : level)
  await otherConfig(parts, vm, SECONDARY_KEY, secondary)
}

/** After the roles have changed, or an act that was cut short. */
export const recordSecondary = (parts: Parts, vm: VmUuid, secondary: HostUuid): Promise<void> =>
  otherConfig(parts, vm, SECONDARY_KEY, secondary)

export async function setAffinity(parts: Parts, vm: VmUuid, host: HostUuid): Promise<void> {
  const args = [{ xapiClass: 'VM', uuid: vm } as const, { xapiClass: 'host', uuid: host } as const]
  await unlessXapiFails(parts, vm, () => parts.xapi.call('VM.set_affinity', args, { deadlineMs: XAPI_WRITE_MS }))
}

async function otherConfig(parts: Parts, vm: VmUuid, key: string, value: string | null): Promise<void> {
  const self = { xapiClass: 'VM', uuid: vm } as const
  const { xapi } = parts
  await unlessXapiFails(parts, vm, async () => {
    await xapi.call('VM.remove_from_other_config', [self, key], { deadlineMs: XAPI_WRITE_MS })
    if (value !== null) await xapi.call('VM.add_to_other_config', [self, key, value], { deadlineMs: XAPI_WRITE_MS })
  })
}

/** The claim and the catalogue protect the VM already; what XAPI shows is written again by the upkeep. */
async function unlessXapiFails({ log }: Parts, vm: VmUuid, write: () => Promise<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    log.warn('XAPI does not show the protection yet', { vm, error: error.message })
  }
}
