import { blockNode, machineArguments, slotsOf } from '../../../../lib/lab/guest/machine/arguments'
import type { DomainDisk, DomainSpec } from '../../../../lib/lab/contract'

const disk = (userdevice: string): DomainDisk => ({
  userdevice,
  source: { kind: 'nbd', socket: `/run/d,${userdevice}.sock`, exportName: 'd' },
  readOnly: false,
})
const nic = (device: string) => ({ device, mac: `52:54:00:00:00:0${device}`, bridge: 'xenbr3' })
const spec: DomainSpec = {
  ...{ vmUuid: '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c01', name: 'a,b', memoryBytes: (100 << 20) + 1, vcpus: 2 },
  ...{ kernel: '/k', ramdisk: '/r', args: 'quiet a,b' },
  disks: [disk('10'), disk('2'), disk('0')],
  nics: [nic('1'), nic('0')],
}
const files = {
  ...{ memory: '/m/a,b', checkpoint: '/s/k', command: '/s/c', event: '/s/e', console: '/s/x,y' },
  ...{ consoleLog: '/s/log', pidFile: '/s/pid' },
}
const args = machineArguments(7, { spec, slots: slotsOf(spec), accelerator: 'tcg', files, standby: null })
const after = (option: string): string[] => args.filter((_, at) => args[at - 1] === option)

test('devices sit in slots by number, not by text, and there is room for more', () => {
  expect(slotsOf(spec)).toEqual(['disk-0', 'disk-2', 'disk-10', 'nic-0', 'nic-1', null, null, null, null])
})

test('every device is on the slot that the record gives it', () => {
  const devices = after('-device').map((text) => JSON.parse(text) as { id?: string; bus?: string; driver: string })
  const placed = devices.filter(({ driver }) => driver.startsWith('virtio')).map(({ id, bus }) => [id, bus])
  expect(new Map(placed as [string, string][])).toEqual(
    new Map([
      ['disk-0', 'slot-0'],
      ['disk-2', 'slot-1'],
      ['disk-10', 'slot-2'],
      ['nic-0', 'slot-3'],
      ['nic-1', 'slot-4'],
    ]),
  )
  expect(devices.filter(({ driver }) => driver === 'pcie-root-port').map(({ id }) => id)).toEqual(
    slotsOf(spec).map((_, slot) => `slot-${slot}`),
  )
})

test('a comma in a name or a path does not start another option', () => {
  expect(after('-name')).toEqual(['guest=a,,b'])
  expect(after('-chardev').find((text) => text.startsWith('socket,id=console'))).toContain('path=/s/x,,y,')
  expect(after('-append')).toEqual(['quiet a,b'])
})

test('memory is rounded up to whole MiB and the vCPUs wait', () => {
  expect(after('-m')).toEqual(['101M'])
  expect(after('-object')).toEqual(['memory-backend-file,id=ram,size=101M,mem-path=/m/a,,b,share=on'])
  expect(args).toContain('-S')
})

test("an NBD server that goes away is waited for, and errors are the guest's to see", () => {
  expect(blockNode(disk('0'))).toEqual({
    ...{ 'node-name': 'disk-0', 'read-only': false, discard: 'unmap', driver: 'nbd', export: 'd' },
    ...{ server: { type: 'unix', path: '/run/d,0.sock' }, 'reconnect-delay': 300, 'open-timeout': 10 },
  })
  const disks = after('-device').filter((text) => text.includes('virtio-blk'))
  expect(disks.length).toBe(3)
  for (const text of disks) expect(JSON.parse(text)).toMatchObject({ werror: 'report', rerror: 'report' })
})
