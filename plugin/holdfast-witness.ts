import { CommanderError } from 'commander'
import { witnessProgram } from './witness'
import { WITNESS_EXITS } from './witness/exits'

witnessProgram()
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : WITNESS_EXITS.badArguments
  })
