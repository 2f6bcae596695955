import { PATHS } from '../lib/core/domain/layout'
import { LEASES } from '../lib/dom0/fence/lease-files'
import { guardHost } from './guard-host'

/**
 * `holdfast-watchdog`: stops guests whose lease has ended when their workers do not. Uses neither a network nor XAPI, and waits for
 * nobody.
 */
guardHost({ config: PATHS.config, inventory: PATHS.inventory, timeline: PATHS.timeline, leases: LEASES })
