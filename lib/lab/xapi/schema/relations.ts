/**
 * Back references: the left field is not stored but computed from the right one, which points the other way. Both ends raise an
 * event when the right one changes.
 */
const PAIRS = `
VM.VBDs <- VBD.VM
VM.VIFs <- VIF.VM
VM.VGPUs <- VGPU.VM
VM.VUSBs <- VUSB.VM
VM.VTPMs <- VTPM.VM
VM.consoles <- console.VM
VM.crash_dumps <- crashdump.VM
VM.snapshots <- VM.snapshot_of
VM.children <- VM.parent
VM_appliance.VMs <- VM.appliance
VMSS.VMs <- VM.snapshot_schedule
SR.VDIs <- VDI.SR
SR.PBDs <- PBD.SR
VDI.VBDs <- VBD.VDI
VDI.snapshots <- VDI.snapshot_of
VDI.crash_dumps <- crashdump.VDI
host.resident_VMs <- VM.resident_on
host.PBDs <- PBD.host
host.PIFs <- PIF.host
host.PCIs <- PCI.host
host.host_CPUs <- host_cpu.host
network.VIFs <- VIF.network
network.PIFs <- PIF.network
PIF.bond_master_of <- Bond.master
PIF.VLAN_slave_of <- VLAN.tagged_PIF
PIF.tunnel_access_PIF_of <- tunnel.access_PIF
PIF.tunnel_transport_PIF_of <- tunnel.transport_PIF
Bond.slaves <- PIF.bond_slave_of
task.subtasks <- task.subtask_of
`

export interface Relation {
  /** Class and field that hold the set. */
  readonly one: readonly [cls: string, field: string]
  /** Class and field that hold the reference. */
  readonly many: readonly [cls: string, field: string]
}

function pair(text: string): readonly [string, string] {
  const [cls, field] = text.split('.')
  if (cls === undefined || field === undefined) throw new Error(`not class.field: ${text}`)
  return [cls, field]
}

export const RELATIONS: readonly Relation[] = PAIRS.trim()
  .split('\n')
  .map((line) => {
    const [one, many] = line.split(' <- ')
    return { one: pair(one ?? ''), many: pair(many ?? '') }
  })
