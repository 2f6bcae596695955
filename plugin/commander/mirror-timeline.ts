import { join } from 'node:path'
import type { Command } from 'commander'
import { mirrorIds } from '../../lib/dom0/mirror/identity'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { servedMirror } from './mirror-ask'
import { json, type CommandWorld } from './terminal'
import { timelineText, wholeNumber } from './timeline'

export function registerMirrorTimeline(mirror: Command, { terminal }: CommandWorld): void {
  mirror
    .command('timeline')
    .description('what this side did, by which rule, on what evidence; the latest comes last')
    .requiredOption('--folder <dir>', 'the folder of this side')
    .option('--limit <n>', 'this many entries', wholeNumber, 50)
    .option('--json', 'the entries as JSON')
    .action(({ folder: given, limit, json: asJson }: { folder: string; limit: number; json?: true }) => {
      const { folder, record, names } = servedMirror(given)
      const entries = readTimeline(join(folder, 'timeline')).slice(-limit)
      if (asJson) terminal.out(json({ entries }))
      else terminal.out(timelineText(entries, new Map([...names, [mirrorIds(record.name).vm, record.name]]), terminal))
    })
}
