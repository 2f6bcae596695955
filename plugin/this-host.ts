import { readFileSync } from 'node:fs'
import { hostUuid, type HostUuid } from '../lib/core/domain/ids'
import { PATHS } from '../lib/core/domain/layout'

/** As XAPI calls it. */
export function thisHost(): HostUuid {
  const uuid = /^INSTALLATION_UUID='?([0-9a-f-]+)'?$/m.exec(readFileSync(PATHS.inventory, 'utf8'))?.[1]
  return hostUuid(uuid ?? '')
}
