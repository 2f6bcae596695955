/** The operator's command on a host: /opt/holdfast/bin/holdfast. */
import { daemonSocket } from '../lib/dom0/daemon-client'
import { operatorProgram, runProgram } from './commander'
import { systemTerminal } from './commander/terminal'

const terminal = systemTerminal()
void runProgram(operatorProgram(terminal, daemonSocket(process.env)), process.argv.slice(2), terminal).then((status) => {
  process.exitCode = status
})
