import { Malformed } from '../../lib/wire/shape'
import { preparedStandby } from '../../lib/wire/standby-host'

const DISK = { volume: 'b1c2', node: 'disk-0', bytes: 134217728, readOnly: false }
const ANSWER = { domid: 7, monitor: '/var/run/xen/qmp-libxl-7', memoryFile: '/dev/shm/domain-7.memory', disks: [DISK] }

test('the answer of a host is read', () => {
  expect(preparedStandby(`${JSON.stringify(ANSWER)}\n`)).toEqual({ ...ANSWER, domid: '7' })
  expect(preparedStandby(JSON.stringify({ ...ANSWER, disks: [], more: 1 })).disks).toEqual([])
})

test.each([
  ['', 'not JSON'],
  ['[]', 'message is not an object'],
  [{ ...ANSWER, domid: '7' }, 'domid is not a whole number'],
  [{ ...ANSWER, monitor: 'run/qmp' }, 'monitor is no absolute path'],
  [{ ...ANSWER, memoryFile: '/dev/shm/a\0b' }, 'memoryFile is no absolute path'],
  [{ ...ANSWER, memoryFile: `/${'a'.repeat(4096)}` }, 'memoryFile is not a text of 4096 or less'],
  [{ ...ANSWER, disks: null }, 'disks is not a list'],
  [{ ...ANSWER, disks: Array.from({ length: 257 }, () => DISK) }, 'disks is not a list of 256 or less'],
  [{ ...ANSWER, disks: [{ ...DISK, node: 'disk 0' }] }, 'node is no name of a node'],
  [{ ...ANSWER, disks: [{ ...DISK, node: '0' }] }, 'node is no name of a node'],
  [{ ...ANSWER, disks: [{ ...DISK, bytes: -1 }] }, 'bytes is not a whole number'],
  [{ ...ANSWER, disks: [{ ...DISK, readOnly: 'no' }] }, 'readOnly is not true or false'],
])('%j is refused', (answer, why) => {
  const read = (): unknown => preparedStandby(typeof answer === 'string' ? answer : JSON.stringify(answer))
  expect(read).toThrow(Malformed)
  expect(read).toThrow(why)
})
