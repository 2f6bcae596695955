/** Replays recorded conversations with a real toolstack to a fresh pool of the lab per file, and tells where the two differ. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { Placeholders } from '../../lib/lab/xapi/conformance/placeholders'
import { carriedTools, readRecording } from '../../lib/lab/xapi/conformance/recording'
import { replay } from '../../lib/lab/xapi/conformance/replay'
import { details, summary } from '../../lib/lab/xapi/conformance/report'
import { setScene } from '../../lib/lab/xapi/conformance/scene'

async function main(): Promise<void> {
  const program = new Command('conformance')
    .argument('<folder>', 'where the recordings are, one JSON file each')
    .option('--only <text>', 'only files whose name contains this')
    .option('--verbose', 'tell every difference')
    .parse()
  const { only, verbose } = program.opts<{ only?: string; verbose?: true }>()
  const [folder = '.'] = program.args
  const all = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const recordings = all.sort().map((name) => readRecording(join(folder, name)))
  const tools = new Map(recordings.flatMap((recording) => [...carriedTools(recording)]))
  for (const recording of recordings.filter(({ name }) => name.includes(only ?? ''))) {
    const names = new Placeholders()
    const pool = await setScene(names, recording, tools)
    try {
      const verdicts = await replay(recording, pool, names)
      process.stdout.write(`${summary(recording.name, verdicts)}\n`)
      if (verbose === true)
        process.stdout.write(
          details(verdicts)
            .map((line) => `${line}\n`)
            .join(''),
        )
    } finally {
      await pool.close()
    }
  }
}

void main()
