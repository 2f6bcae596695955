import { Option, type Command } from 'commander'
import { defaultLabDir } from '../../../lib/lab/rack/paths'
import { BadRequest } from '../../../lib/lab/faults/fault'

/** `--dir` may stand before or after the verb. */
export function withDir(verb: Command): Command {
  return verb.addOption(new Option('--dir <directory>', `the lab's state (default: ${defaultLabDir(process.env)})`))
}

export function dirOf(verb: Command): string {
  const own: unknown = verb.getOptionValue('dir')
  const above: unknown = verb.parent?.getOptionValue('dir')
  return typeof own === 'string' ? own : typeof above === 'string' ? above : defaultLabDir(process.env)
}

/** Runs a verb and ends the process with its exit status. */
export async function acting(act: () => Promise<number>): Promise<never> {
  try {
    process.exit(await act())
  } catch (error) {
    process.stderr.write(`holdfast lab: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(error instanceof BadRequest ? 2 : 1)
  }
}
