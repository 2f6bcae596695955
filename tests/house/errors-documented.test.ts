import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REFUSALS, type RefusalText } from '../../lib/core/domain/errors'
import { ROOT, sources } from './sources'

const PATH = join(ROOT, 'docs/reference/errors.md')
const update = process.env['UPDATE'] === '1' && process.env['CI'] === undefined

/** `{fact}` reads as code in the manual. */
const shown = (text: string): string => text.replace(/\{(\w+)\}/g, '`$1`')
const section = (code: string, { what, why, todo }: RefusalText): string =>
  `## ${code}\n\n${shown(what)}\n\n- Why: ${shown(why)}\n- To do: ${shown(todo)}\n`

const codes = Object.entries(REFUSALS).sort(([a], [b]) => (a < b ? -1 : 1))

describe('docs/reference/errors.md', () => {
  const manual = readFileSync(PATH, 'utf8')
  const preamble = manual.slice(0, manual.indexOf('\n## ') + 1)
  test('lists every code with the texts that the program prints, and no other', () => {
    const wanted = `${preamble}${codes.map(([code, text]) => section(code, text)).join('\n')}`
    if (update) writeFileSync(PATH, wanted)
    else expect(manual).toBe(wanted)
  })
})

describe('every refusal', () => {
  test('is raised somewhere', () => {
    const program = sources('lib', 'plugin').filter(({ path }) => path !== 'lib/core/domain/errors.ts')
    const unused = codes.filter(([code]) => !program.some(({ text }) => text.includes(`'${code}'`)))
    expect(unused.map(([code]) => code)).toEqual([])
  })
  test.each(codes)('%s says what, why and what to do in sentences', (_code, text) => {
    for (const sentence of [text.what, text.why, text.todo]) expect(sentence).toMatch(/^(?:[A-Z{].*|\{reason\})$/)
    expect(text.what).toMatch(/\.$/)
  })
})
