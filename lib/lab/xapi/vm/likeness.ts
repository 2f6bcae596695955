/** A domain's likeness on its way between hosts, and with the disks that its copy will have. */
import type { DomainDisk, DomainLikeness, DomainNic } from '../../contract'
import { type Members, flag, int, list, record, text } from '../../values'

/** A disk of a machine that stands by. */
export interface LikeDisk {
  /** VDI.location. */
  readonly volume: string
  /** The node of QEMU that its front end is attached to. */
  readonly node: string
  readonly bytes: number
  readonly readOnly: boolean
}

/** An empty slot is ''. */
export const likenessValue = ({ spec, slots }: DomainLikeness): Members => ({
  ...{ vmUuid: spec.vmUuid, name: spec.name, memoryBytes: spec.memoryBytes, vcpus: spec.vcpus },
  ...{ kernel: spec.kernel, ramdisk: spec.ramdisk, args: spec.args },
  nics: spec.nics.map(({ device, mac, bridge }) => ({ device, mac, bridge })),
  slots: slots.map((id) => id ?? ''),
})

const nicOf = (nic: Members): DomainNic => ({
  device: text(nic['device']),
  mac: text(nic['mac']),
  bridge: text(nic['bridge']),
})

/** `disks` and the NICs are what the coordinator knows of; those in the slots are the machine's. */
export function likenessOf(value: Members, known: readonly Members[]): { likeness: DomainLikeness; disks: LikeDisk[] } {
  const slots = list(value['slots'])
    .map(text)
    .map((id) => (id === '' ? null : id))
  const nics = list(value['nics'])
    .map((nic) => nicOf(record(nic)))
    .filter(({ device }) => slots.includes(`nic-${device}`))
  const here = known.filter((disk) => slots.includes(`disk-${text(disk['userdevice'])}`))
  if (here.length + nics.length !== slots.filter((id) => id !== null).length)
    throw new Error('the machine has devices that the pool does not know of')
  const disks = here.map((disk): DomainDisk => {
    const source = { kind: 'awaited', bytes: int(disk['bytes']) } as const
    return { userdevice: text(disk['userdevice']), readOnly: flag(disk['readOnly']), source }
  })
  const spec = {
    ...{ vmUuid: text(value['vmUuid']), name: text(value['name']), memoryBytes: int(value['memoryBytes']) },
    ...{ vcpus: int(value['vcpus']), kernel: text(value['kernel']), ramdisk: text(value['ramdisk']), args: text(value['args']) },
  }
  return {
    likeness: { spec: { ...spec, disks, nics }, slots },
    disks: here.map((disk) => ({
      ...{ volume: text(disk['key']), node: `disk-${text(disk['userdevice'])}` },
      ...{ bytes: int(disk['bytes']), readOnly: flag(disk['readOnly']) },
    })),
  }
}
