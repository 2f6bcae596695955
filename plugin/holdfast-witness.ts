import { CommanderError } from 'commander'
import { WITNESS_EXITS, witnessProgram } from './witness'

witnessProgram()
  .exitOverride()
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : WITNESS_EXITS.badArguments
  })
