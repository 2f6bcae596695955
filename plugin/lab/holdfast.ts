/** The command of a checkout: the operator's verbs, the witness, and the pool in a box. */
import { daemonSocket } from '../../lib/dom0/api/daemon-client'
import { operatorProgram, runProgram } from '../commander'
import { systemTerminal } from '../commander/terminal'
import { registerLab } from '../lab'
import { registerWitness } from '../witness'

const terminal = systemTerminal()
const program = operatorProgram(terminal, daemonSocket(process.env))
registerWitness(program)
registerLab(program)
void runProgram(program, process.argv.slice(2), terminal).then((status) => {
  process.exitCode = status
})
