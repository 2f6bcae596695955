/** Setters that the data model declares as messages of their own but that only change the field. */
import { CLASSES } from '../schema/schema'
import { setters } from './implicit'
import type { XapiMethodTable } from './method'

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  task: ['other_config', 'error_info', 'result', 'progress', 'status'],
  pool: ['ha_host_failures_to_tolerate', 'igmp_snooping_enabled', 'guest_agent_config'],
  VM: [
    ...[
      'platform',
      'other_config',
      'blocked_operations',
      'HVM_boot_policy',
      'domain_type',
      'actions_after_crash',
      'shutdown_delay',
    ],
    ...['start_delay', 'bios_strings', 'NVRAM', 'ha_always_run', 'HVM_shadow_multiplier'],
  ],
  host: ['multipathing', 'iscsi_iqn'],
  VDI: ['name_label', 'name_description', 'sharable', 'read_only', 'on_boot', 'allow_caching'],
  SR: ['name_label', 'name_description', 'physical_size'],
  VBD: ['mode'],
  VIF: ['locking_mode', 'ipv4_allowed', 'ipv6_allowed'],
  PBD: ['device_config'],
  PIF: ['disallow_unplug'],
  network: ['default_locking_mode', 'purpose'],
}

/** A list field of a task has only set_; a map has all three. */
export const plainSetters: XapiMethodTable = Object.fromEntries(
  Object.entries(FIELDS).flatMap(([cls, names]) =>
    names.flatMap((name) => {
      const field = CLASSES.get(cls)?.fields.get(name)
      if (field === undefined) throw new Error(`no field ${cls}.${name}`)
      return setters(cls, field).filter(([method]) => !/^task\.(add|remove)_error_info$/.test(method))
    }),
  ),
)
