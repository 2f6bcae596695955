import type { DeciderNote, Noted } from '../core/domain/decider-note'
import type { BlockRun } from '../core/domain/dirty-bitmap'
import type { Hint, Mark, Presence } from '../core/domain/replica-request'
import { HISTORY_MAX, type Generations, type ReplicaMetadata } from '../core/domain/volume'
import { deciderNoteOf, notedOf } from './decider-note-json'
import { fields, flag, list, Malformed, oneOf, text, wholeNumber, type Fields } from './shape'

/** What two workers tell each other of a replica, and of the witnesses, as JSON. Each answers null for what is not of its shape. */

const STATES = ['up-to-date', 'inconsistent', 'outdated'] as const satisfies readonly ReplicaMetadata['state'][]
const GENERATION = /^(?:[0-9a-f]{16})?$/
/** A resync tells after each flush what is clean: some hundred runs. */
const RUNS_MAX = 4096

export const asMark = (of: Fields): Mark | null =>
  unlessMalformed(() => ({
    bits: oneOf(['keep', 'all', 'none'] as const, of['bits'], 'bits'),
    ...(of['state'] === undefined ? {} : { state: oneOf(STATES, of['state'], 'state') }),
    ...(of['generations'] === undefined ? {} : { generations: generations(of['generations']) }),
  }))

export const asHint = (of: Fields): Hint | null =>
  unlessMalformed((): Hint => {
    const kind = oneOf(['settled', 'clean'] as const, of['kind'], 'kind')
    if (kind === 'settled') return { kind, before: wholeNumber(of['before'], 'before') }
    return { kind, runs: list(of['runs'], 'runs', RUNS_MAX).map(run) }
  })

export const asPresence = (of: Fields): Presence | null =>
  unlessMalformed(() => ({
    identity: text(of['identity'], 'identity'),
    incarnation: text(of['incarnation'], 'incarnation'),
    state: oneOf(STATES, of['state'], 'state'),
    generations: generations(of['generations']),
    cacheKept: flag(of['cacheKept'], 'cacheKept'),
  }))

export const asNote = (of: Fields): DeciderNote | null => unlessMalformed(() => deciderNoteOf(of))

export const asNoted = (of: Fields): Noted | null => unlessMalformed(() => notedOf(of))

function generations(value: unknown): Generations {
  const of = fields(value, 'generations')
  return {
    current: generation(of['current']),
    bitmap: generation(of['bitmap']),
    // Earlier releases do not know of it.
    former: of['former'] === undefined ? '' : generation(of['former']),
    history: list(of['history'], 'history', HISTORY_MAX).map(generation),
  }
}

function generation(value: unknown): string {
  const name = text(value, 'generation')
  if (!GENERATION.test(name)) throw new Malformed('generation is not 16 hex digits')
  return name
}

function run(value: unknown): BlockRun {
  const of = fields(value, 'run')
  const [first, last] = [wholeNumber(of['first'], 'first'), wholeNumber(of['last'], 'last')]
  if (last < first) throw new Malformed('a run ends before it begins')
  return { first, last }
}

function unlessMalformed<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}
