import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { ROOT, sources } from './sources'

interface Import {
  readonly from: string
  /** A path from the top of the tree, `node:x`, or a package name. */
  readonly to: string
}

const STATEMENT =
  /^\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/gm

function importsOf(path: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? ''
    return { from: path, to: target.startsWith('.') ? normalize(join(dirname(path), target)) : target }
  })
}

const IMPORTS = sources('lib', 'plugin').flatMap(({ path, text }) => importsOf(path, text))
const inFolder = (path: string, ...folders: string[]): boolean =>
  folders.some((folder) => path.startsWith(`${folder}/`) || path === folder)
const isOurs = (target: string): boolean => inFolder(target, 'lib', 'plugin', 'tests')

/** Imports from `folder` that are not to one of `allowed` (folders of ours); `outside` says whether node: and packages may be used. */
function strays(folder: string, allowed: string[], outside: boolean): string[] {
  return IMPORTS.filter(({ from }) => inFolder(from, folder))
    .filter(({ to }) => (isOurs(to) ? !inFolder(to, ...allowed) : !outside))
    .map(({ from, to }) => `${from} imports ${to}`)
}

describe('imports point one way', () => {
  test('the reader of imports sees them', () => {
    expect(IMPORTS.length).toBeGreaterThan(10)
    expect(importsOf('lib/a/b.ts', "import type { X } from '../c/d'\nimport 'node:fs'\nexport * from './e'\n")).toEqual([
      { from: 'lib/a/b.ts', to: 'lib/c/d' },
      { from: 'lib/a/b.ts', to: 'node:fs' },
      { from: 'lib/a/b.ts', to: 'lib/a/e' },
    ])
  })
  test.each(readdirSync(join(ROOT, 'lib/core')))('core/%s imports domain and itself', (concept) =>
    expect(strays(`lib/core/${concept}`, ['lib/core/domain', `lib/core/${concept}`], false)).toEqual([]),
  )
  test('wire imports domain', () => expect(strays('lib/wire', ['lib/core/domain', 'lib/wire'], false)).toEqual([]))
  test('ports import domain and wire', () =>
    expect(strays('lib/ports', ['lib/core/domain', 'lib/wire', 'lib/ports'], false)).toEqual([]))
  test('xapi imports ports, wire, domain', () =>
    expect(strays('lib/xapi', ['lib/core/domain', 'lib/wire', 'lib/ports', 'lib/xapi'], true)).toEqual([]))
  test('dom0 imports ports, wire, domain', () =>
    expect(strays('lib/dom0', ['lib/core/domain', 'lib/wire', 'lib/ports', 'lib/dom0'], true)).toEqual([]))
  test('daemon imports core, ports, wire and never the outside', () =>
    expect(strays('lib/daemon', ['lib/core', 'lib/ports', 'lib/wire', 'lib/daemon'], false)).toEqual([]))
  test('lab imports itself and shared types of wire', () => {
    expect(strays('lib/lab', ['lib/wire', 'lib/core/domain', 'lib/lab'], true)).toEqual([])
  })
  test('the product never imports the lab, and nobody imports plugin', () => {
    expect(
      IMPORTS.filter(({ from, to }) => inFolder(to, 'lib/lab') && !inFolder(from, 'lib/lab', 'plugin/lab', 'plugin/lab.ts')).map(
        ({ from, to }) => `${from} imports ${to}`,
      ),
    ).toEqual([])
    expect(IMPORTS.filter(({ from, to }) => inFolder(to, 'plugin') && !inFolder(from, 'plugin'))).toEqual([])
  })
})

describe('core and wire are pure', () => {
  const FORBIDDEN =
    /\basync\b|\bawait\b|Date\.now|new Date\(|Math\.random|\bset(?:Timeout|Interval|Immediate)\b|\bconsole\.|\bprocess\.|\bperformance\./
  test('no waiting, clocks, randomness or output', () => {
    const found = sources('lib/core', 'lib/wire').flatMap(({ path, text }) =>
      text
        .split('\n')
        .map((line, index) => ({ line: line.replace(/\/\/.*|^\s*\/?\*.*/, ''), at: `${path}:${index + 1}` }))
        .filter(({ line }) => FORBIDDEN.test(line))
        .map(({ at, line }) => `${at} ${line.trim()}`),
    )
    expect(found).toEqual([])
  })
  test('the tree is where it is looked for', () => expect(existsSync(join(ROOT, 'package.json'))).toBe(true))
})
