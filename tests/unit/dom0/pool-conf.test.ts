import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid } from '../../../lib/core/domain/ids'
import { coordinatorIn } from '../../../lib/dom0/system/pool-conf'

const SELF = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const OTHER = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')
const hosts = { [SELF]: { management: '10.0.0.1' }, [OTHER]: { management: 'fd00::2' } }

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-pool-conf-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test.each([
  ['master', SELF],
  ['master\n', SELF],
  ['slave:10.0.0.1', SELF],
  ['slave:fd00::2\n', OTHER],
  ['slave:[fd00::2]', OTHER],
  ['slave:10.0.0.9', null],
  ['slave:', null],
  ['broken', null],
  ['', null],
])('%j names %s', (text, expected) => {
  const file = join(folder, 'pool.conf')
  writeFileSync(file, text)
  expect(coordinatorIn(file, SELF, hosts)).toBe(expected)
})

test('a host without the file names nobody', () => {
  expect(coordinatorIn(join(folder, 'pool.conf'), SELF, hosts)).toBeNull()
})
