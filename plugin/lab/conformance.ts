/** Replays recorded conversations with a real toolstack to a fresh pool of the lab per conversation, and tells where the two differ. */
import { Command } from 'commander'
import { conform, NothingToReplay } from '../../lib/lab/xapi/conformance/conform'

const REFUSED = 2

async function main(): Promise<void> {
  const program = new Command('conformance')
    .argument('<folder>', 'where the recordings are, one JSON file each')
    .option('--only <text>', 'only conversations with a file whose name contains this', '')
    .option('--verbose', 'tell every difference')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : REFUSED))
    .parse()
  const { only, verbose } = program.opts<{ only: string; verbose?: true }>()
  try {
    await conform({
      ...{ folder: program.args[0] ?? '', only, isVerbose: verbose === true },
      print: (line) => process.stdout.write(`${line}\n`),
      progress: { isTerminal: process.stderr.isTTY, write: (text) => process.stderr.write(text) },
    })
  } catch (error) {
    if (!(error instanceof NothingToReplay)) throw error
    process.stderr.write(`conformance: ${error.message}\n`)
    process.exitCode = REFUSED
  }
}

void main()
