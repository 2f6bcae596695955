import type { PowerStatus } from '../core/domain/fence'

/** What ipmitool prints for `chassis power status`, whole: anything else tells nothing. */
export function powerStatusOf(output: string): PowerStatus {
  const said = /^Chassis Power is (on|off)\n$/.exec(output)?.[1]
  return said === 'on' || said === 'off' ? said : 'unknown'
}
