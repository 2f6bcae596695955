import type { DomainLikeness } from '../../../../lib/lab/contract'
import { likenessOf, likenessValue } from '../../../../lib/lab/xapi/vm/likeness'

const nic = (device: string) => ({ device, mac: `52:54:00:00:00:0${device}`, bridge: 'xenbr3' })
const machine: DomainLikeness = {
  spec: {
    ...{ vmUuid: '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c01', name: 'orders', memoryBytes: 100 << 20, vcpus: 2 },
    ...{ kernel: '/k', ramdisk: '/r', args: 'quiet', disks: [], nics: [nic('0')] },
  },
  // Disk 2 was plugged in after NIC 0.
  slots: ['disk-0', 'nic-0', 'disk-2', null],
}
const disk = (userdevice: string, bytes: number) => ({ userdevice, sr: 's', key: `k${userdevice}`, readOnly: false, bytes })

test('a copy has the devices in the slots in which the machine has them, and waits for its disks', () => {
  const { likeness, disks } = likenessOf(likenessValue(machine), [disk('0', 1024), disk('1', 4096), disk('2', 2048)])
  expect(likeness.slots).toEqual(machine.slots)
  expect(likeness.spec).toEqual({
    ...machine.spec,
    disks: [
      { userdevice: '0', readOnly: false, source: { kind: 'awaited', bytes: 1024 } },
      { userdevice: '2', readOnly: false, source: { kind: 'awaited', bytes: 2048 } },
    ],
  })
  expect(disks).toEqual([
    { volume: 'k0', node: 'disk-0', bytes: 1024, readOnly: false },
    { volume: 'k2', node: 'disk-2', bytes: 2048, readOnly: false },
  ])
})

test('a device that the pool does not know of has no copy', () => {
  expect(() => likenessOf(likenessValue(machine), [disk('0', 1024)])).toThrow('devices that the pool does not know of')
})
