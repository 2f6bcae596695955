import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { HostParts } from './parts'

/** What an operator calls a host: XAPI's name, else the configuration's, else the uuid. */
export const hostNameOf = ({ xapi, config }: HostParts, host: HostUuid): string =>
  xapi.inventory()?.hosts.find(({ uuid }) => uuid === host)?.name ?? config.hosts[host]?.name ?? host

export const vmNameOf = ({ xapi }: HostParts, vm: VmUuid): string =>
  xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)?.name ?? vm

/** The host that an operator calls by its uuid, or by a name that one host alone has. */
export function hostByName(parts: HostParts, text: string): HostUuid {
  const hosts = Object.keys(parts.config.hosts) as HostUuid[]
  const [found, more] = hosts.filter((host) => host === text || hostNameOf(parts, host) === text)
  if (found === undefined) throw new Refusal('HOLDFAST_UNKNOWN_HOST', { host: text.slice(0, 80) })
  if (more === undefined) return found
  throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: `More than one host is called "${text.slice(0, 80)}"; use a uuid.` })
}
