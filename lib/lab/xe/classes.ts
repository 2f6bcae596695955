/** xe's name of each class, the API's, and the columns that a list shows unless told otherwise. */
export interface XeClass {
  readonly cls: string
  readonly columns: readonly string[]
}

const named = ['uuid', 'name-label', 'name-description'] as const

export const XE_CLASSES: Readonly<Record<string, XeClass>> = {
  pool: { cls: 'pool', columns: [...named, 'master', 'default-SR'] },
  host: { cls: 'host', columns: named },
  vm: { cls: 'VM', columns: ['uuid', 'name-label', 'power-state'] },
  vbd: { cls: 'VBD', columns: ['uuid', 'vm-uuid', 'vm-name-label', 'vdi-uuid', 'empty', 'device'] },
  vdi: { cls: 'VDI', columns: [...named, 'sr-uuid', 'virtual-size', 'sharable'] },
  sr: { cls: 'SR', columns: [...named, 'type', 'content-type'] },
  pbd: { cls: 'PBD', columns: ['uuid', 'host-uuid', 'sr-uuid', 'device-config', 'currently-attached'] },
  vif: { cls: 'VIF', columns: ['uuid', 'vm-uuid', 'device', 'MAC', 'MTU', 'network-uuid', 'network-name-label'] },
  pif: { cls: 'PIF', columns: ['uuid', 'device', 'MAC', 'currently-attached', 'VLAN', 'network-uuid'] },
  network: { cls: 'network', columns: [...named, 'bridge'] },
  task: { cls: 'task', columns: [...named, 'status', 'progress'] },
  message: { cls: 'message', columns: ['uuid', 'name', 'priority', 'class', 'obj-uuid', 'timestamp', 'body'] },
  secret: { cls: 'secret', columns: ['uuid', 'value'] },
  console: { cls: 'console', columns: ['uuid', 'vm-uuid', 'vm-name-label', 'protocol', 'location'] },
  role: { cls: 'role', columns: ['uuid', 'name', 'description'] },
}
