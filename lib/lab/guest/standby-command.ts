import type { StandbyManager, Value } from '../contract'
import { int, record } from '../values'
import type { XlOutcome } from './xl'

/** The host's toolstack does not answer: what can be done without it is done without it. */
export class NoToolstack extends Error {
  override readonly name = 'NoToolstack'
}

export interface StandbyCommandParts {
  readonly standbys: StandbyManager
  /** An operation of the toolstack of this host. Rejects with NoToolstack, or with what it says. */
  readonly ask: (operation: string, args: { [key: string]: Value }) => Promise<Value>
}

const USAGE = `usage: holdfast-standby prepare VM-UUID --run N --memory BYTES --way devices|migration
       holdfast-standby run DOMID
       holdfast-standby end DOMID
       holdfast-standby list
`

/** `holdfast-standby` as docs/reference/lockstep-host.md has it. Throws what keeps it from its work. */
export async function runStandbyCommand(argv: readonly string[], { standbys, ask }: StandbyCommandParts): Promise<XlOutcome> {
  const [verb = '', who = '', ...options] = argv
  const said = (value: unknown): XlOutcome => ({ exit: 0, stdout: `${JSON.stringify(value)}\n`, stderr: '' })
  const usage: XlOutcome = { exit: 2, stdout: '', stderr: USAGE }
  const domid = Number(who)
  const isDomid = /^\d{1,9}$/.test(who)
  switch (verb) {
    case 'prepare': {
      const [run, memory, way] = ['--run', '--memory', '--way'].map((name) => options[options.indexOf(name) + 1] ?? '')
      if (options.length !== 6 || ![run, memory].every((number) => /^\d{1,15}$/.test(number ?? ''))) return usage
      const args = { vm: who, run: Number(run), memory: Number(memory), way: way ?? '' }
      const answer = record(await ask('standby.prepare', args))
      return said({ ...answer, domid: int(answer['domid']) })
    }
    case 'run':
      if (!isDomid) return usage
      await standbys.arrive(domid)
      await orAlone(ask('standby.arrived', { domid }), () => Promise.resolve())
      return said({})
    case 'end':
      if (!isDomid) return usage
      await orAlone(ask('standby.end', { domid }), () => standbys.end(domid))
      return said({})
    case 'list':
      return said((await standbys.list()).map(({ domid: id, vmUuid: vm, run, state }) => ({ domid: id, vm, run, state })))
    default:
      return usage
  }
}

/** A toolstack that starts again finds in the host's records what it was not told. */
async function orAlone(asked: Promise<unknown>, alone: () => Promise<unknown>): Promise<void> {
  try {
    await asked
  } catch (error) {
    if (!(error instanceof NoToolstack)) throw error
    await alone()
  }
}
