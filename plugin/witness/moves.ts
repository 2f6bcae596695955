import type { Command } from 'commander'
import { adopt, handOver, type Moved } from '../../lib/dom0/witness/claim-log-move'
import { processLog } from '../../lib/dom0/process/process-log'
import { told } from './exits'

/** Adds `hand-over` and `adopt`. Both take --data from the command they belong to. */
export function registerMoves(witness: Command): void {
  witness
    .command('hand-over <file>')
    .description('write the claims of a stopped witness to a file; its directory never serves again')
    .action((file: string, _: unknown, command: Command) =>
      told(async () => {
        const { data } = command.optsWithGlobals<{ data: string }>()
        const { witness: name, claims } = await handOver(data, file, processLog('witness'))
        return `${numbered(claims)} of witness ${name} in ${file}. ${data} never serves again: adopt the file where the witness is to run.`
      }),
    )
  witness
    .command('adopt <file>')
    .description('make a new directory of what hand-over wrote; adopt a file once only')
    .action((file: string, _: unknown, command: Command) =>
      told(async () => {
        const { data } = command.optsWithGlobals<{ data: string }>()
        const { witness: name, claims }: Moved = await adopt(data, file)
        return `${numbered(claims)} of witness ${name} in ${data}. Start it with --data ${data}, and remove ${file}.`
      }),
    )
}

const numbered = (claims: number): string => (claims === 1 ? '1 claim' : `${claims} claims`)
