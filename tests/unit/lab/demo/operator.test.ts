import type { DiskStatus, VmStatus } from '../../../../lib/wire/daemon-api'
import { isRedundant, oneLine } from '../../../../lib/lab/demo/operator'
import { vmUuid, volumeKey } from '../../../../lib/core/domain/ids'

const DISK: DiskStatus = {
  ...{ volume: volumeKey('33333333-3333-3333-3333-333333333333'), device: '0', sizeBytes: 1024 },
  ...{ upToDate: ['h2', 'h1'], resync: null, verify: null },
}
const STATUS: VmStatus = {
  ...{ vm: vmUuid('22222222-2222-2222-2222-222222222222'), name: 'orders', level: 'redirect', health: 'protected', reason: '' },
  ...{ powerState: 'Running', residentOn: 'h2', holder: 'h2', secondary: 'h1', term: 3, disks: [DISK] },
}
const resync = { target: 'h1', doneBytes: 1, totalBytes: 2, bytesPerSecond: 1, etaSeconds: 1 }

test.each<[string, VmStatus, boolean]>([
  ['both replicas of the disk', STATUS, true],
  ['one replica', { ...STATUS, disks: [{ ...DISK, upToDate: ['h1'] }] }, false],
  ['one disk of two', { ...STATUS, disks: [DISK, { ...DISK, upToDate: ['h1'] }] }, false],
  ['a resync under way', { ...STATUS, disks: [{ ...DISK, resync }] }, false],
  ['no disk at all', { ...STATUS, disks: [] }, false],
  ['another health', { ...STATUS, health: 'degraded' }, false],
])('redundancy with %s', (_, status, expected) => expect(isRedundant(status)).toBe(expected))

test('one line says how, where, by which claim and on which replicas', () => {
  expect(oneLine(STATUS)).toBe('orders: protected; runs on h2; claim h2, term 3; up-to-date on h1 and h2')
  const alone = {
    ...STATUS,
    health: 'degraded',
    reason: 'h2 is gone',
    residentOn: null,
    disks: [{ ...DISK, upToDate: [] }],
  } as const
  expect(oneLine(alone)).toBe('orders: degraded; running; claim h2, term 3; up-to-date on nowhere (h2 is gone)')
  expect(oneLine({ ...STATUS, holder: null, term: null })).toContain('no claim')
})
