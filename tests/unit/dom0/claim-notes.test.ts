import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Claim } from '../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../lib/core/domain/decider-note'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { claimNoteIn, claimNotesIn } from '../../../lib/dom0/witness/claim-notes-files'
import { failure } from '../../../lib/dom0/system/system-error'
import { type Files, systemFiles } from '../../../lib/dom0/replica/replica-files'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
const OTHER = vmUuid('eeeeeeee-0000-4000-8000-000000000002')
const CLAIM: Claim = {
  ...{ vm: VM, term: 3, holder: A, leaseMs: 1500 },
  upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: [A] },
  lockstep: null,
}
const FIRST: DeciderNote = { generation: 0, by: 'p', pending: null }
const SECOND: DeciderNote = { generation: 1, by: 'q', pending: CLAIM, untold: [A] }

let folder: string
let copies: readonly string[]
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-notes-')), 'claims')
  copies = [join(folder, `${VM}.json`), join(folder, `${VM}.2.json`)]
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

test('nothing until it is saved, then the last one, for each VM its own; forgotten without a trace', async () => {
  const notes = claimNotesIn(folder)
  expect(await notes.read(VM)).toBeNull()
  await notes.save(VM, FIRST)
  await notes.save(VM, SECOND)
  expect(await claimNotesIn(folder).read(VM)).toEqual(SECOND)
  expect(await claimNoteIn(folder, VM)).toEqual(SECOND)
  expect(await notes.read(OTHER)).toBeNull()
  await notes.forget(VM)
  expect(await notes.read(VM)).toBeNull()
  expect(copies.map((path) => existsSync(path))).toEqual([false, false])
})

describe.each<[string, (text: string) => string | null]>([
  ['gone', () => null],
  ['empty', () => ''],
  ['cut', (text) => text.slice(0, text.length / 2)],
  ['turned', (text) => text.replace('"generation":1', '"generation":2')],
  ["another VM's", (text) => text.replace(VM, OTHER)],
])('a copy that is %s', (_, change) => {
  const damage = (path: string): void => {
    const text = change(readFileSync(path, 'utf8'))
    if (text === null) rmSync(path)
    else writeFileSync(path, text)
  }

  test.each([0, 1])('is mended from the other one (%i)', async (nth) => {
    await claimNotesIn(folder).save(VM, SECOND)
    const whole = readFileSync(copies[nth] ?? '', 'utf8')
    damage(copies[nth] ?? '')
    expect(await claimNoteIn(folder, VM)).toEqual(SECOND)
    expect(await claimNotesIn(folder).read(VM)).toEqual(SECOND)
    expect(readFileSync(copies[nth] ?? '', 'utf8')).toBe(whole)
  })

  test('and so is the other: nobody can tell, but for one that is gone without a trace', async () => {
    await claimNotesIn(folder).save(VM, SECOND)
    for (const path of copies) damage(path)
    expect(await claimNotesIn(folder).read(VM)).toBe(change('') === null ? null : 'damaged')
    expect(await claimNoteIn(folder, VM)).toBeNull()
    await claimNotesIn(folder).save(VM, FIRST)
    expect(await claimNotesIn(folder).read(VM)).toEqual(FIRST)
  })
})

test('a save that ends at any of its calls leaves the old note or the new one, and both copies say the same then', async () => {
  const found = new Set<string>()
  for (let last = 0; ; last += 1) {
    rmSync(folder, { recursive: true, force: true })
    await claimNotesIn(folder).save(VM, FIRST)
    const ended = await claimNotesIn(folder, endingAfter(last))
      .save(VM, SECOND)
      .then(
        () => false,
        () => true,
      )
    const note = await claimNotesIn(folder).read(VM)
    expect([FIRST, SECOND]).toContainEqual(note)
    found.add(JSON.stringify(note))
    expect(readFileSync(copies[0] ?? '', 'utf8')).toBe(readFileSync(copies[1] ?? '', 'utf8'))
    if (!ended) {
      expect(note).toEqual(SECOND)
      break
    }
  }
  expect(found.size).toBe(2)
})

/** Files that fail from the call of that number on which changes anything. */
function endingAfter(calls: number): Files {
  let left = calls
  const may = (): void => {
    if (left-- <= 0) throw failure('EIO', 'the machine ended')
  }
  return {
    ...systemFiles,
    make: async (path) => {
      may()
      const file = await systemFiles.make(path)
      return {
        read: (offset, length) => file.read(offset, length),
        writeThrough: (offset, data) => file.writeThrough(offset, data),
        write: async (offset, data) => {
          may()
          await file.write(offset, data)
        },
        sync: async () => {
          may()
          await file.sync()
        },
        close: () => file.close(),
      }
    },
    rename: async (from, to) => {
      may()
      await systemFiles.rename(from, to)
    },
    syncFolderOf: async (path) => {
      may()
      await systemFiles.syncFolderOf(path)
    },
  }
}
