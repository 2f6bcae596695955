import type { LabDomainManager, LabDomainState } from './domain-manager'

export interface XlOutcome {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

const VERBS = ['list', 'pause', 'unpause', 'destroy'] as const
type Verb = (typeof VERBS)[number]

const isVerb = (word: string | undefined): word is Verb => VERBS.some((verb) => verb === word)

/** The little of Xen's `xl` that stops a domain without asking the toolstack. Domains are named by id or by name. */
export async function runXl(argv: readonly string[], domains: LabDomainManager): Promise<XlOutcome> {
  const [verb, who] = argv
  if (!isVerb(verb)) return failed(`xl: command not implemented here: ${verb ?? '(none)'}; there are ${VERBS.join(', ')}`, 2)
  if (verb === 'list') return { exit: 0, stdout: [HEADING, ...(await domains.list()).map(row)].join('\n') + '\n', stderr: '' }
  if (who === undefined) return failed(`'xl ${verb}' requires at least 1 argument.`, 2)
  const domid = await domains.find(who)
  if (domid === null) return failed(`${who} is an invalid domain identifier (rc=-6)`, 1)
  await domains[verb](domid)
  return { exit: 0, stdout: '', stderr: '' }
}

const failed = (stderr: string, exit: number): XlOutcome => ({ exit, stdout: '', stderr: `${stderr}\n` })

const columns = (name: string, id: string, memory: string, vcpus: string, state: string, time: string): string =>
  `${name.padEnd(40)} ${id.padStart(5)} ${memory.padStart(5)} ${vcpus.padStart(5)}\t${state} ${time.padStart(7)}`

const HEADING = columns('Name', 'ID', 'Mem', 'VCPUs', 'State', 'Time(s)')

const row = ({ name, domid, memoryBytes, vcpus, paused, cpuSeconds }: LabDomainState): string =>
  columns(name, String(domid), String(memoryBytes >> 20), String(vcpus), paused ? '--p---' : 'r-----', cpuSeconds.toFixed(1))
