/**
 * What can be broken in a lab, as data: the command line, the demo and the rack share these types and this check.
 * Each fault is real (a process is really killed, a disk really answers EIO) and each has an undo.
 */
import { WITNESSES, type WitnessName } from '../net/plan'

export const LINKS = ['management', 'alink0', 'alink1', 'production'] as const
export type Link = (typeof LINKS)[number]
export const LINK_CHOICES = ['alink0', 'alink1', 'alinks', 'management', 'production', 'all'] as const
export type LinkChoice = (typeof LINK_CHOICES)[number]
export const DISK_OPS = ['reads', 'writes', 'both'] as const
export type DiskOps = (typeof DISK_OPS)[number]
export const DISK_ERRORS = ['EIO', 'ENOSPC', 'hang'] as const
export type DiskError = (typeof DISK_ERRORS)[number]
export const CUT_CHOICES = ['alink0', 'alink1', 'alinks', 'management', 'all'] as const
export type CutChoice = (typeof CUT_CHOICES)[number]
/** Seen from the fault's host: `to`, what it sends is lost; `from`, what it is sent. */
export const DIRECTIONS = ['both', 'to', 'from'] as const
export type Direction = (typeof DIRECTIONS)[number]
export const HOST_ENDS = ['off', 'stop'] as const
export const FAULT_KINDS = ['disk', 'link', 'cut', 'host', 'process', 'witness', 'bmc'] as const

export interface DiskFault {
  readonly kind: 'disk'
  readonly host: string
  /** A volume's key, or a glob over the path below the disk's top (`*.raw`); null is the whole disk. */
  readonly volume: string | null
  readonly ops: DiskOps
  readonly error: DiskError
}
export interface LinkFault {
  readonly kind: 'link'
  readonly host: string
  readonly link: LinkChoice
}
/** Packets between two places vanish without a word; both reach everybody else. `other`: a host or a witness. */
export interface CutFault {
  readonly kind: 'cut'
  readonly host: string
  readonly other: string
  readonly link: CutChoice
  readonly direction: Direction
}
/**
 * Power off: every process killed at once, disk contents kept; the undo boots it. `stop`: SIGSTOP to every process, as a machine
 * that stands still; the undo lets them go on.
 */
export interface HostFault {
  readonly kind: 'host'
  readonly host: string
  readonly how?: (typeof HOST_ENDS)[number]
}
/** kill -9 or SIGSTOP of every process of that name, or of one pid (as the host numbers it). The undo continues or starts it. */
export interface ProcessFault {
  readonly kind: 'process'
  readonly host: string
  readonly process: string | number
  readonly how: 'kill' | 'stop'
}
export interface WitnessFault {
  readonly kind: 'witness'
  /** The preferred one if none is named. */
  readonly name?: WitnessName
}
/** The host's power switch answers nobody. */
export interface BmcFault {
  readonly kind: 'bmc'
  readonly host: string
}
export type Fault = DiskFault | LinkFault | CutFault | HostFault | ProcessFault | WitnessFault | BmcFault

/** A request to the lab that makes no sense; nothing was changed. The text names the choices. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

export function linksOf(choice: LinkChoice): readonly Link[] {
  if (choice === 'alinks') return ['alink0', 'alink1']
  return choice === 'all' ? LINKS : [choice]
}

/** Checks a fault that came from outside (JSON or a command line) against the lab's hosts. */
export function parseFault(input: Readonly<Record<string, unknown>>, hosts: readonly string[]): Fault {
  const kind = oneOf('fault', input['kind'], FAULT_KINDS)
  if (kind === 'witness') return { kind, name: oneOf('name', input['name'] ?? 'witness', WITNESSES) }
  const host = oneOf('host', input['host'], hosts)
  switch (kind) {
    case 'host':
      return { kind, host, how: oneOf('how', input['how'] ?? 'off', HOST_ENDS) }
    case 'bmc':
      return { kind, host }
    case 'link':
      return { kind, host, link: oneOf('link', input['link'], LINK_CHOICES) }
    case 'cut': {
      const others = [...hosts.filter((each) => each !== host), ...WITNESSES]
      const other = oneOf('other', input['other'], others)
      const link = oneOf('link', input['link'] ?? 'all', CUT_CHOICES)
      return { kind, host, other, link, direction: oneOf('direction', input['direction'] ?? 'both', DIRECTIONS) }
    }
    case 'disk':
      return {
        kind,
        host,
        volume: input['volume'] === undefined || input['volume'] === null ? null : someText('volume', input['volume']),
        ops: oneOf('ops', input['ops'] ?? 'both', DISK_OPS),
        error: oneOf('error', input['error'] ?? 'EIO', DISK_ERRORS),
      }
    case 'process':
      return { kind, host, process: processOf(input['process']), how: oneOf('how', input['how'] ?? 'kill', ['kill', 'stop']) }
  }
}

function oneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  const given = value === undefined ? `${name} is missing` : `${name} ${JSON.stringify(value)} is not known`
  throw new BadRequest(`${given}; choose one of: ${choices.join(', ')}`)
}

function someText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length < 200) return value
  throw new BadRequest(`${name} must be a short text, not ${JSON.stringify(value)}`)
}

function processOf(value: unknown): string | number {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value > 1) return value
    throw new BadRequest(`pid must be a whole number above 1, not ${value}`)
  }
  return someText('process name', value)
}
