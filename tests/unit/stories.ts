import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const UPDATE = process.env['UPDATE'] === '1'
if (UPDATE && process.env['CI'] !== undefined) throw new Error('UPDATE=1 is refused where CI is set')

/**
 * A test for each text of a folder: paragraphs of commands, `----`, what came of them. A paragraph that begins with # is prose.
 * `begin` makes the world of one story, which answers a command with lines. `UPDATE=1` writes the outcomes anew.
 */
export function stories(folder: string, begin: () => (command: string) => readonly string[]): void {
  const names = readdirSync(folder)
  test('there are stories', () => expect(names.length).toBeGreaterThan(5))
  test.each(names)('%s', (name) => {
    const path = join(folder, name)
    const story = readFileSync(path, 'utf8')
    const told = retold(story, begin())
    if (UPDATE) writeFileSync(path, told)
    expect(told).toBe(UPDATE ? told : story)
  })
}

/** A text that is as it was; `UPDATE=1` writes it anew. */
export function golden(path: string, text: string): void {
  if (UPDATE) writeFileSync(path, text)
  expect(text).toBe(UPDATE ? text : readFileSync(path, 'utf8'))
}

function retold(story: string, answer: (command: string) => readonly string[]): string {
  const paragraphs = story.trimEnd().split(/\n{2,}/)
  return `${paragraphs.map((paragraph) => (paragraph.startsWith('#') ? paragraph : outcome(paragraph, answer))).join('\n\n')}\n`
}

function outcome(paragraph: string, answer: (command: string) => readonly string[]): string {
  const lines = paragraph.split('\n')
  const dashes = lines.indexOf('----')
  const commands = dashes === -1 ? lines : lines.slice(0, dashes)
  return [...commands, '----', ...commands.flatMap((line) => answer(line))].join('\n')
}
