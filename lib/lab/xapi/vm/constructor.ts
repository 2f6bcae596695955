/** The record a `create` message is given: unknown members are ignored, a missing one without a default is XAPI's odd INTERNAL_ERROR. */
import { ApiError, type Value } from '../../contract'
import { type Members, record } from '../../values'
import { incoming } from '../call/incoming'
import { CLASSES } from '../schema/schema'

const names = (text: string): readonly string[] => text.split(' ')

/** Members that have no default, in the order in which their absence is noticed. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  VM: names(
    'user_version is_a_template affinity memory_static_max memory_dynamic_max memory_dynamic_min memory_static_min VCPUs_params ' +
      'VCPUs_max VCPUs_at_startup actions_after_shutdown actions_after_reboot actions_after_crash PV_bootloader PV_kernel ' +
      'PV_ramdisk PV_args PV_bootloader_args PV_legacy_args HVM_boot_policy HVM_boot_params platform PCI_bus other_config ' +
      'recommendations',
  ),
  VBD: names('VM VDI userdevice bootable mode type empty other_config qos_algorithm_type qos_algorithm_params'),
  VIF: names('device network VM MAC MTU other_config qos_algorithm_type qos_algorithm_params'),
  VDI: names('SR virtual_size type sharable read_only other_config'),
  PBD: names('host SR device_config'),
}

/** Members that XAPI decides however they are given. */
const IGNORED = new Set(['uuid', 'currently_attached', 'power_state'])

export function constructorRecord(cls: string, argument: Value | undefined): Members {
  const given = record(argument)
  const missing = (REQUIRED[cls] ?? []).find((name) => !(name in given))
  if (missing !== undefined) throw new ApiError('INTERNAL_ERROR', `Server_helpers.Dispatcher_FieldNotFound("${missing}")`)
  const taken: Members = {}
  for (const [name, value] of Object.entries(given)) {
    const field = CLASSES.get(cls)?.fields.get(name)
    if (field === undefined || field.qualifier === 'RO' || IGNORED.has(name)) continue
    taken[name] = incoming(field.type, value)
  }
  return taken
}
