import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { HostParts } from './parts'

/** What an operator calls a host: XAPI's name, else the configuration's, else the uuid. */
export const hostNameOf = ({ xapi, config }: HostParts, host: HostUuid): string =>
  xapi.inventory()?.hosts.find(({ uuid }) => uuid === host)?.name ?? config.hosts[host]?.name ?? host

export const vmNameOf = ({ xapi }: HostParts, vm: VmUuid): string =>
  xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)?.name ?? vm
