import { type Command, Argument } from 'commander'
import {
  BadRequest,
  CUT_CHOICES,
  DIRECTIONS,
  DISK_ERRORS,
  DISK_OPS,
  FAULT_KINDS,
  LINK_CHOICES,
  parseFault,
} from '../../../lib/lab/faults/fault'
import { WITNESSES } from '../../../lib/lab/net/plan'
import { openLab } from '../../../lib/lab/rack/lab'
import { acting, dirOf, withDir } from './acting'

interface FaultOptions {
  readonly undo?: boolean
  readonly host?: string
  readonly volume?: string
  readonly ops?: string
  readonly error?: string
  readonly link?: string
  readonly other?: string
  readonly direction?: string
  readonly name?: string
  readonly pid?: string
  readonly stop?: boolean
}

/** Which options go with which kind of fault. */
const FITTING: Readonly<Record<string, readonly string[]>> = {
  disk: ['host', 'volume', 'ops', 'error'],
  link: ['host', 'link'],
  cut: ['host', 'other', 'link', 'direction'],
  host: ['host', 'stop'],
  process: ['host', 'name', 'pid', 'stop'],
  witness: ['name'],
  bmc: ['host'],
}

export function registerFault(lab: Command): void {
  withDir(lab.command('fault'))
    .description('break something, or with --undo mend it')
    .addArgument(new Argument('<kind>', FAULT_KINDS.join(', ')))
    .option('--undo', 'mend it')
    .option('--host <name>', 'h1, h2 ...')
    .option('--volume <key>', 'disk: only this volume (its key, or a pattern such as "*.raw")')
    .option('--ops <ops>', `disk: ${DISK_OPS.join(', ')}`)
    .option('--error <error>', `disk: ${DISK_ERRORS.join(', ')}`)
    .option('--link <link>', `link: ${LINK_CHOICES.join(', ')}; cut: ${CUT_CHOICES.join(', ')}`)
    .option('--other <name>', 'cut: from this host, or from a witness')
    .option('--direction <way>', `cut: ${DIRECTIONS.join(', ')} (what the host sends, what it is sent)`)
    .option('--name <process>', `process: holdfastd, holdfast-worker, xapi ...; witness: ${WITNESSES.join(', ')}`)
    .option('--pid <pid>', "process: by the host's own number")
    .option('--stop', 'process, host: SIGSTOP instead of kill -9 or power off')
    .action((kind: string, options: FaultOptions, verb: Command) =>
      acting(async () => {
        const opened = await openLab(dirOf(verb))
        const fault = parseFault(
          given(kind, options),
          opened.hosts.map(({ name }) => name),
        )
        process.stdout.write(`${options.undo === true ? await opened.undo(fault) : await opened.fault(fault)}\n`)
        return 0
      }),
    )
}

function given(kind: string, options: FaultOptions): Record<string, unknown> {
  const fitting = FITTING[kind]
  if (fitting === undefined) throw new BadRequest(`fault ${kind} is not known; choose one of: ${FAULT_KINDS.join(', ')}`)
  const strange = Object.keys(options).filter((name) => !['undo', 'dir', ...fitting].includes(name))
  if (strange.length > 0) {
    const choices = fitting.length === 0 ? 'none' : fitting.map((name) => `--${name}`).join(', ')
    throw new BadRequest(`--${strange.join(', --')} does not go with ${kind}; its options are: ${choices}`)
  }
  const { host, volume, ops, error, link, other, direction, name, pid, stop } = options
  if (kind === 'process' && (name === undefined) === (pid === undefined))
    throw new BadRequest('give the process by --name or by --pid')
  return {
    kind,
    host,
    volume,
    ops,
    error,
    link,
    other,
    direction,
    name,
    process: pid === undefined ? name : Number(pid),
    how: stop === true ? 'stop' : kind === 'host' ? 'off' : 'kill',
  }
}
