/** `holdfast lab ...`: the pool in a box; one file per verb in lab/verbs. */
import { type Command, Option } from 'commander'
import { defaultLabDir } from '../lib/lab/rack/paths'
import { registerDemo } from './lab/verbs/demo'
import { registerExec } from './lab/verbs/exec'
import { registerFault } from './lab/verbs/fault'
import { registerSoak } from './lab/verbs/soak'
import { registerStatus } from './lab/verbs/status'
import { registerXe } from './lab/verbs/xe'
import { registerDown, registerUp } from './lab/verbs/up'
import { registerVm } from './lab/verbs/vm'

/** Adds the `lab` commands. They end the process themselves: 0 done, 1 the lab failed, 2 a request that makes no sense. */
export function registerLab(program: Command): void {
  const lab = program
    .command('lab')
    .description('a pool in a box on this machine: hosts, wires, a witness, and faults to break them with')
    .addOption(new Option('--dir <directory>', "the lab's state").default(defaultLabDir(process.env)))
    .helpCommand(false)
    .enablePositionalOptions()
  for (const register of [
    registerUp,
    registerDown,
    registerStatus,
    registerFault,
    registerExec,
    registerXe,
    registerVm,
    registerDemo,
    registerSoak,
  ])
    register(lab)
}
