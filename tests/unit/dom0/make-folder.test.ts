import fs, { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../../lib/dom0/system/make-folder'

let top: string
beforeEach(() => (top = mkdtempSync(join(tmpdir(), 'made-'))))
afterEach(() => {
  jest.restoreAllMocks()
  rmSync(top, { recursive: true })
})

const at = (...names: string[]): string => join(top, ...names)
/** Somebody else is a moment earlier, at the first folder that is missing. */
function another(makes: (path: string) => void): void {
  jest.spyOn(fs, 'mkdirSync').mockImplementationOnce((path) => {
    makes(String(path))
    mkdirSync(path)
    return undefined
  })
}

test('what is missing is made, for its owner alone, and what was there stays as it was', () => {
  expect(makeFolder(at('a', 'b'))).toBe(at('a'))
  expect(statSync(at('a', 'b')).mode & 0o777).toBe(0o700)
  expect(makeFolder(at('a', 'b'))).toBeNull()
  expect(makeFolder(at('a', 'c'))).toBe(at('a', 'c'))
})

test('two processes that make the same folder at the same time both have it', () => {
  another((path) => mkdirSync(path))
  expect(makeFolder(at('run', 'leases'))).toBe(at('run', 'leases'))
  another((path) => mkdirSync(path))
  expect(makeFolder(at('other'))).toBeNull()
})

test('what is no folder is not taken for one', () => {
  another((path) => writeFileSync(path, ''))
  expect(() => makeFolder(at('file'))).toThrow(/EEXIST/)
  symlinkSync(at('nowhere'), at('link'))
  expect(() => makeFolder(at('link'))).toThrow(/EEXIST/)
})

test('of what cannot be made to its end nothing is left, but what another process put there', () => {
  expect(() => makeFolder(at('a', 'b', 'x'.repeat(300)))).toThrow(/ENAMETOOLONG/)
  expect(existsSync(at('a'))).toBe(false)
  const make = mkdirSync
  jest.spyOn(fs, 'mkdirSync').mockImplementation((path) => {
    if (String(path).includes('xxx')) writeFileSync(at('a', 'theirs'), '')
    make(path)
    return undefined
  })
  expect(() => makeFolder(at('a', 'b', 'x'.repeat(300)))).toThrow(/ENAMETOOLONG/)
  expect(existsSync(at('a', 'theirs'))).toBe(true)
  expect(existsSync(at('a', 'b'))).toBe(false)
})
