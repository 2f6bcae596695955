/** The operator's command: /opt/holdfast/bin/holdfast. */
import { daemonSocket } from '../lib/dom0/api/daemon-client'
import { operatorProgram, runProgram } from './commander'
import { systemTerminal } from './commander/terminal'
import { registerWitness } from './witness'

const terminal = systemTerminal()
const program = operatorProgram(terminal, daemonSocket(process.env))
registerWitness(program)
void runProgram(program, process.argv.slice(2), terminal).then((status) => {
  process.exitCode = status
})
