/** `npm run bench -- VERB`: measures the built product beside what else there is. One file per verb. */
import { Command } from 'commander'
import { CannotMeasure } from './cannot-measure'
import { registerLockstep } from './lockstep/command'
import { registerMemory } from './memory/command'
import { registerMirror } from './mirror/command'
import { registerShow } from './mirror/show'
import { registerWitness } from './witness/command'

const USAGE = 2

const program = new Command('npm run bench --').description('measures what dist holds, beside other programs').helpCommand(false)
registerMirror(program)
registerShow(program)
registerWitness(program)
registerMemory(program)
registerLockstep(program)
program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof CannotMeasure)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = USAGE
})
