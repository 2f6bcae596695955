import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Incident } from './transcript'

/** tests/scenarios/failover/*.txt: commands, `----`, what came of them. `UPDATE=1` writes the outcomes anew. */
const FOLDER = join(__dirname, '..', '..', 'scenarios', 'failover')
const UPDATE = process.env['UPDATE'] === '1'
if (UPDATE && process.env['CI'] !== undefined) throw new Error('UPDATE=1 is refused where CI is set')

function retold(story: string): string {
  const incident = new Incident()
  const paragraphs = story.trimEnd().split(/\n{2,}/)
  return `${paragraphs.map((paragraph) => (paragraph.startsWith('#') ? paragraph : outcome(paragraph, incident))).join('\n\n')}\n`
}

function outcome(paragraph: string, incident: Incident): string {
  const lines = paragraph.split('\n')
  const dashes = lines.indexOf('----')
  const commands = dashes === -1 ? lines : lines.slice(0, dashes)
  return [...commands, '----', ...commands.flatMap((line) => incident.run(line))].join('\n')
}

const stories = readdirSync(FOLDER)

test('there are stories', () => expect(stories.length).toBeGreaterThan(5))

test.each(stories)('%s', (name) => {
  const path = join(FOLDER, name)
  const story = readFileSync(path, 'utf8')
  const told = retold(story)
  if (UPDATE) writeFileSync(path, told)
  expect(told).toBe(UPDATE ? told : story)
})
