import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { srRegistry } from '../../../lib/dom0/replica/sr-registry'
import { QuietLog } from '../../integration/quiet-log'

const SR = 'cccccccc-0000-4000-8000-000000000001'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-srs-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const registry = () => srRegistry({ attached: join(folder, 'run'), remembered: join(folder, 'var') }, new QuietLog())

test('after a boot an SR is remembered until it is detached, and only while its folder holds a catalogue', async () => {
  const path = join(folder, 'sr')
  await registry().add(SR, path)
  expect(registry().list()).toEqual([{ sr: SR, path }])
  expect(registry().remembered()).toEqual([])
  mkdirSync(join(path, 'catalogue'))
  rmSync(join(folder, 'run'), { recursive: true })
  expect(registry().list()).toEqual([])
  expect(registry().remembered()).toEqual([{ sr: SR, path }])
  await registry().remove(SR)
  expect(registry().remembered()).toEqual([])
})
