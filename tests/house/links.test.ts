import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ROOT } from './sources'

const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))

const LINK = /\]\(([^)\s]+)\)/g
/** `lib/core/mirror/mirror.ts`: a path of the tree in code quotes; one with a placeholder or a pattern is not meant literally. */
const NAMED = /`((?:lib|plugin|tests|packaging|docs)\/[\w./-]+)`/g

const found = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '')

describe('documents', () => {
  test('there are some', () => expect(DOCUMENTS.length).toBeGreaterThan(10))

  test('relative links lead somewhere', () => {
    const broken = DOCUMENTS.flatMap(({ path, text }) =>
      found(text, LINK)
        .filter((target) => !/^[a-z]+:|^#/.test(target))
        .filter((target) => !existsSync(join(ROOT, dirname(path), target.replace(/#.*/, ''))))
        .map((target) => `${path}: ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('files that they name exist', () => {
    const missing = DOCUMENTS.flatMap(({ path, text }) =>
      found(text, NAMED)
        .filter((name) => !existsSync(join(ROOT, name)))
        .map((name) => `${path}: ${name}`),
    )
    expect(missing).toEqual([])
  })

  test('every document can be reached from the README', () => {
    const seen = new Set<string>()
    const visit = (path: string): void => {
      if (seen.has(path)) return
      seen.add(path)
      const document = DOCUMENTS.find((each) => each.path === path)
      for (const target of found(document?.text ?? '', LINK)) {
        if (!/^[a-z]+:|^#/.test(target)) visit(relative(ROOT, join(ROOT, dirname(path), target.replace(/#.*/, ''))))
      }
    }
    visit('README.md')
    const strays = DOCUMENTS.map(({ path }) => path).filter((path) => path !== 'CHANGELOG.md' && !seen.has(path))
    expect(strays).toEqual([])
  })
})
