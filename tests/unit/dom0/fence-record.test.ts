import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid } from '../../../lib/core/domain/ids'
import { FenceFolder } from '../../../lib/dom0/fence/fence-record'
import { KeptLog } from '../../contracts/running-witness'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')

let folder: string
let log: KeptLog
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-fences-')), 'fences')
  log = new KeptLog()
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

const again = (): FenceFolder => new FenceFolder(folder, log)

test("an operator's word outlives the process, and is forgotten for good", async () => {
  const record = again()
  expect(record.read()).toEqual([])
  const word = await record.save(A, 'root')
  await record.save(B, 'alice')
  expect(word).toMatchObject({ host: A, who: 'root' })
  expect(Date.parse(word.at)).not.toBeNaN()
  expect(
    new Set(
      again()
        .read()
        .map(({ host }) => host),
    ),
  ).toEqual(new Set([A, B]))
  await record.forget(A)
  await record.forget(A)
  expect(again().read()).toMatchObject([{ host: B, who: 'alice' }])
  expect(readdirSync(folder)).toEqual([`${B}.json`])
})

test('a word that is torn, of another host, or cut off before its name counts for nothing', async () => {
  const record = again()
  const word = await record.save(A, 'root')
  writeFileSync(join(folder, `${A}.json`), JSON.stringify(word).slice(0, 30))
  writeFileSync(join(folder, `${B}.json`), JSON.stringify(word))
  writeFileSync(join(folder, `${B}.json.new`), '')
  expect(again().read()).toEqual([])
  expect(log.lines).toHaveLength(2)
})

test('what cannot be written is told, and is not there', async () => {
  const record = again()
  rmSync(folder, { recursive: true })
  await expect(record.save(A, 'root')).rejects.toHaveProperty('code', 'ENOENT')
})
