import type { DaemonApi } from './daemon-api'
import type { WorkerApi } from './worker-api'

/**
 * What each function of the JSON APIs may be asked, as data: a server refuses a body that does not fit before its handler runs.
 * The types tie every field of an ask to its kind, so a table cannot drift from the API it belongs to.
 */
export type FieldKind = 'text' | 'whole' | 'truth' | 'texts' | 'pairs' | 'object' | 'object-or-null'
type KindOf<T> = T extends string
  ? 'text'
  : T extends number
    ? 'whole'
    : T extends boolean
      ? 'truth'
      : T extends readonly string[]
        ? 'texts'
        : string extends keyof T
          ? 'pairs'
          : 'object'
type RequiredKind<T> = null extends T ? 'object-or-null' : KindOf<T>

/** `vm?: string` is written `vm: 'text?'`. */
export type AskShape<Ask> = string extends keyof Ask
  ? Readonly<Record<string, never>>
  : {
      readonly [K in keyof Ask]-?: undefined extends Ask[K] ? `${KindOf<Exclude<Ask[K], undefined>>}?` : RequiredKind<Ask[K]>
    }

/** A table of functions, each with what it is asked and what it answers. */
export type ApiTable<Api> = { [F in keyof Api]: { ask: object; answer: unknown } }
export type AskShapes<Api extends ApiTable<Api>> = { readonly [F in keyof Api]: AskShape<Api[F]['ask']> }

export const DAEMON_ASKS: AskShapes<DaemonApi> = {
  version: {},
  status: { vm: 'text?', here: 'truth?' },
  plan: { vm: 'text', level: 'text' },
  protect: { vm: 'text', level: 'text' },
  unprotect: { vm: 'text' },
  verify: { vm: 'text', repair: 'truth?' },
  promote: { vm: 'text', acceptLoss: 'truth?', who: 'text?' },
  fence: { host: 'text', confirm: 'truth?', who: 'text?', here: 'truth?' },
  hears: { host: 'text' },
  move: { vm: 'text', to: 'text', plan: 'truth?' },
  moving: { vm: 'text' },
  timeline: { vm: 'text?', limit: 'whole?' },
  hook: { hook: 'text', vm: 'text?', host: 'text?', reason: 'text' },
  'sr-create': { uuid: 'text', configuration: 'pairs' },
  'sr-attach': { configuration: 'pairs' },
  'sr-detach': { sr: 'text' },
  'sr-destroy': { sr: 'text' },
  'sr-stat': { sr: 'text' },
  'sr-ls': { sr: 'text' },
  'volume-create': { sr: 'text', name: 'text', description: 'text', sizeBytes: 'whole', sharable: 'truth' },
  'volume-destroy': { sr: 'text', key: 'text' },
  'volume-resize': { sr: 'text', key: 'text', sizeBytes: 'whole' },
  'volume-stat': { sr: 'text', key: 'text' },
  'volume-set': { sr: 'text', key: 'text', name: 'text?', description: 'text?', set: 'pairs?', unset: 'texts?' },
  'datapath-attach': { volume: 'text', domain: 'text' },
  'datapath-activate': { volume: 'text', domain: 'text' },
  'datapath-deactivate': { volume: 'text', domain: 'text' },
  'datapath-detach': { volume: 'text', domain: 'text' },
  split: { vm: 'text', compare: 'truth?' },
  'split-export': { vm: 'text', host: 'text', disk: 'text?', end: 'truth?' },
  'split-keep': { vm: 'text', host: 'text', by: 'text', discard: 'truth?' },
  'split-here': { vm: 'text', compare: 'truth' },
  'split-put-away': { vm: 'text', volumes: 'texts', keep: 'truth' },
  'split-aside': { vm: 'text', volume: 'text' },
  'peer-catalogue': { records: 'object' },
  'peer-secondary': { vm: 'text', primary: 'text', records: 'object' },
  'peer-offer': { vm: 'text', records: 'object' },
  'lockstep-lacks': {},
  'lockstep-forecast': { vm: 'text' },
  'peer-release': { vm: 'text' },
  'handed-over': { vm: 'text' },
}

export const WORKER_ASKS: AskShapes<WorkerApi> = {
  status: {},
  attach: { volume: 'text', domain: 'text' },
  activate: { volume: 'text', domain: 'text' },
  deactivate: { volume: 'text', domain: 'text' },
  detach: { volume: 'text', domain: 'text' },
  protect: { spec: 'object' },
  unprotect: {},
  'set-peer': { peer: 'object-or-null' },
  'take-over': { reason: 'text', fenced: 'object?', acceptLoss: 'truth?' },
  'hand-over': { to: 'text' },
  verify: { repair: 'truth' },
  lockstep: { wanted: 'object-or-null' },
  'lockstep-forecast': {},
  'new-settings': { settings: 'object' },
  split: { compare: 'truth' },
  'split-export': { volume: 'text', serve: 'truth' },
  'split-keep-aside': { volume: 'text' },
  'split-put-away': { volumes: 'texts', keep: 'truth' },
  'give-up': { volume: 'text', side: 'text' },
  stop: {},
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'

const FITS: Readonly<Record<FieldKind, { readonly test: (value: unknown) => boolean; readonly called: string }>> = {
  text: { test: isText, called: 'a text' },
  whole: { test: (value) => Number.isSafeInteger(value) && Number(value) >= 0, called: 'a whole number of at least 0' },
  truth: { test: (value) => typeof value === 'boolean', called: 'true or false' },
  texts: { test: (value) => Array.isArray(value) && value.every(isText), called: 'a list of texts' },
  pairs: { test: (value) => isObject(value) && Object.values(value).every(isText), called: 'an object of texts' },
  object: { test: isObject, called: 'an object' },
  'object-or-null': { test: (value) => value === null || isObject(value), called: 'an object or null' },
}
const isKind = (text: string): text is FieldKind => Object.hasOwn(FITS, text)

/** The first thing wrong with `ask`, as a sentence; empty when it fits. */
export function misfit(shape: Readonly<Record<string, string>>, ask: unknown): string {
  if (!isObject(ask)) return 'The body is not a JSON object.'
  const stranger = Object.keys(ask).find((name) => !Object.hasOwn(shape, name))
  if (stranger !== undefined) return `There is no argument "${stranger.slice(0, 80)}".`
  const given = new Map<string, unknown>(Object.entries(ask))
  for (const [name, spelled] of Object.entries(shape)) {
    const optional = spelled.endsWith('?')
    const kind = optional ? spelled.slice(0, -1) : spelled
    const value = given.get(name)
    if (value === undefined) {
      if (!optional) return `Argument "${name}" is missing.`
    } else if (isKind(kind) && !FITS[kind].test(value)) return `Argument "${name}" must be ${FITS[kind].called}.`
  }
  return ''
}

/** Whether `ask` may be asked of function `fn`. */
export const fits = <Api extends ApiTable<Api>, F extends keyof Api>(
  shapes: AskShapes<Api>,
  fn: F,
  ask: unknown,
): ask is Api[F]['ask'] => misfit(shapes[fn], ask) === ''
