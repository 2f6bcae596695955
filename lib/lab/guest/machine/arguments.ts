import type { DomainDisk, DomainLikeness, DomainNic, DomainSpec, StandbyWish } from '../../contract'

/** Empty slots for disks and NICs plugged into a running machine. */
const SPARE_PORTS = 4
/** How long a crashed NBD server is waited for before the guest sees an I/O error. */
const NBD_RECONNECT_SECONDS = 300
const NBD_OPEN_SECONDS = 10

export interface MachineFiles {
  /** The guest's memory, a file on tmpfs that others of the host may read. */
  readonly memory: string
  /** Of whoever takes checkpoints: where real hosts have it, and one client at a time. Nobody of the toolstack uses it. */
  readonly checkpoint: string
  /** For commands: one client after another. */
  readonly command: string
  /** For whoever watches the domain for as long as it lives. */
  readonly event: string
  readonly console: string
  readonly consoleLog: string
  readonly pidFile: string
}

export const diskId = (userdevice: string): string => `disk-${userdevice}`
/** Whoever runs a standby gives this name to what serves the disk. */
export const servedNode = (id: string): string => `${id}-served`
export const nicId = (device: string): string => `nic-${device}`
/** The NIC's device number from its id; `null` for the id of anything else. */
export const nicDeviceOf = (id: string): string | null => /^nic-(.+)$/.exec(id)?.[1] ?? null
export const tapName = (domid: number, device: string): string => `vif${domid}.${device}`

/** Which device sits in which slot, in the order the guest numbers them; `null` is an empty slot. */
export function slotsOf(spec: DomainSpec): (string | null)[] {
  const disks = [...spec.disks].sort((a, b) => Number(a.userdevice) - Number(b.userdevice))
  const nics = [...spec.nics].sort((a, b) => Number(a.device) - Number(b.device))
  const spare = Array.from({ length: SPARE_PORTS }, () => null)
  return [...disks.map((disk) => diskId(disk.userdevice)), ...nics.map((nic) => nicId(nic.device)), ...spare]
}

export const slotName = (slot: number): string => `slot-${slot}`

/** What `-blockdev` and `blockdev-add` are given. The guest's flushes are honoured; nothing is flushed on its behalf. */
export function blockNode(disk: DomainDisk): Record<string, unknown> {
  const common = { 'node-name': diskId(disk.userdevice), 'read-only': disk.readOnly, discard: 'unmap' }
  if (disk.source.kind === 'file') return { ...common, driver: 'raw', file: { driver: 'file', filename: disk.source.path } }
  // What serves it takes the stand-in's place, and is a node of its own.
  if (disk.source.kind === 'awaited')
    return { ...common, driver: 'raw', file: { driver: 'null-co', size: disk.source.bytes, 'read-zeroes': true } }
  return {
    ...common,
    driver: 'nbd',
    server: { type: 'unix', path: disk.source.socket },
    export: disk.source.exportName,
    'reconnect-delay': NBD_RECONNECT_SECONDS,
    'open-timeout': NBD_OPEN_SECONDS,
  }
}

/** What `-device` and `device_add` are given. Errors are reported: they must be seen in the guest's own log. */
export function diskDevice(disk: DomainDisk, slot: number): Record<string, unknown> {
  return {
    driver: 'virtio-blk-pci',
    id: diskId(disk.userdevice),
    drive: diskId(disk.userdevice),
    bus: slotName(slot),
    werror: 'report',
    rerror: 'report',
    'write-cache': 'on',
  }
}

export function nicBackend(domid: number, nic: DomainNic): Record<string, unknown> {
  return { type: 'tap', id: nicId(nic.device), ifname: tapName(domid, nic.device), script: 'no', downscript: 'no' }
}

export function nicDevice(nic: DomainNic, slot: number): Record<string, unknown> {
  return {
    driver: 'virtio-net-pci',
    id: nicId(nic.device),
    netdev: nicId(nic.device),
    mac: nic.mac,
    bus: slotName(slot),
    romfile: '',
  }
}

/** What makes a machine one that waits for its state. The name of its kind does not come with `devices`, and QEMU asks for it by default. */
const waitingArguments = (wish: StandbyWish | null): readonly string[] => {
  if (wish === null) return []
  return ['-incoming', 'defer', ...(wish.way === 'devices' ? ['-global', 'migration.send-configuration=off'] : [])]
}

export interface MachineParts extends DomainLikeness {
  readonly accelerator: 'kvm' | 'tcg'
  readonly files: MachineFiles
  readonly standby: StandbyWish | null
}

/** The command line of one domain; its vCPUs wait for `cont`. */
export function machineArguments(domid: number, { spec, slots, accelerator, files, standby }: MachineParts): string[] {
  const memory = `${Math.ceil(spec.memoryBytes / (1 << 20))}M`
  const socket = (id: string, path: string, more = ''): string[] => [
    '-chardev',
    `socket,id=${id},path=${escaped(path)},server=on,wait=off${more}`,
  ]
  const devices = [
    ...slots.map((_, slot) => ({ driver: 'pcie-root-port', id: slotName(slot), chassis: slot + 1, bus: 'pcie.0' })),
    ...spec.disks.map((disk) => diskDevice(disk, slots.indexOf(diskId(disk.userdevice)))),
    ...spec.nics.map((nic) => nicDevice(nic, slots.indexOf(nicId(nic.device)))),
    { driver: 'pvpanic-pci' },
  ]
  return [
    ...['-name', `guest=${escaped(spec.name)}`, '-uuid', spec.vmUuid, '-no-user-config', '-nodefaults', '-display', 'none', '-S'],
    // Without these three the firmware and the kernel spend a second or two looking for devices nobody has.
    ...['-machine', 'q35,hpet=off,sata=off,smbus=off,memory-backend=ram'],
    ...['-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=single,tb-size=128', '-m', memory],
    ...['-object', `memory-backend-file,id=ram,size=${memory},mem-path=${escaped(files.memory)},share=on`],
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'max', '-smp', String(spec.vcpus)],
    ...['-kernel', spec.kernel, '-initrd', spec.ramdisk, '-append', spec.args],
    ...['-pidfile', files.pidFile],
    ...['-action', 'reboot=shutdown,shutdown=poweroff,panic=shutdown'],
    ...socket('command', files.command),
    ...['-mon', 'chardev=command,mode=control'],
    ...socket('event', files.event),
    ...['-mon', 'chardev=event,mode=control'],
    ...socket('checkpoint', files.checkpoint),
    ...['-mon', 'chardev=checkpoint,mode=control'],
    // Standard input asks this monitor for events once and stays open; standard output keeps them for whoever comes later.
    ...['-chardev', 'stdio,id=record,signal=off', '-mon', 'chardev=record,mode=control'],
    ...socket('console', files.console, `,logfile=${escaped(files.consoleLog)}`),
    ...['-serial', 'chardev:console'],
    ...spec.disks.flatMap((disk) => ['-blockdev', JSON.stringify(blockNode(disk))]),
    ...spec.nics.flatMap((nic) => ['-netdev', JSON.stringify(nicBackend(domid, nic))]),
    ...devices.flatMap((device) => ['-device', JSON.stringify(device)]),
    ...waitingArguments(standby),
  ]
}

/** A comma ends a value in QEMU's key=value options unless doubled. */
const escaped = (text: string): string => text.replaceAll(',', ',,')
