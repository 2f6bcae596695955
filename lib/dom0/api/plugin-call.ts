import { Refusal, refusalLines } from '../../core/domain/errors'
import { DAEMON_ASKS, fits, misfit } from '../../wire/ask-shapes'
import type { Ask } from './daemon-client'
import { failureResponse, type PluginCall, readPluginCall, successResponse } from './plugin-xml'

/** What `xe host-call-plugin plugin=holdfast fn=...` offers; docs/reference/plugin.md describes each. */
export const PLUGIN_FUNCTIONS = [
  'version',
  'protect',
  'unprotect',
  'verify',
  'move',
  'moving',
  'status',
  'plan',
  'timeline',
] as const
type PluginFunction = (typeof PLUGIN_FUNCTIONS)[number]

/** xapi waits for a plug-in without a limit of its own, so ours is hard. Argument `timeout` sets another one, in seconds. */
export const PLUGIN_LIMIT_S = { usual: 30, longest: 3000 }

/** Functions that do without the daemon, by name; not for operators. */
export type OwnFunctions = Readonly<Record<string, (call: PluginCall) => Promise<unknown>>>

/** The methodResponse to `argv` (what follows the executable's name). Never rejects: a failure is an answer, too. */
export async function answerPluginCall(argv: readonly string[], ask: Ask, own: OwnFunctions = {}): Promise<string> {
  let fn = ''
  try {
    const [xml] = argv
    if (xml === undefined || argv.length > 1)
      throw misunderstood(`The plug-in was run with ${argv.length} arguments instead of 1.`)
    const call = await readPluginCall(xml)
    fn = call.fn
    const mine = Object.hasOwn(own, fn) ? own[fn] : undefined
    if (mine !== undefined) return successResponse(JSON.stringify(await mine(call)))
    if (!isPluginFunction(fn)) return failureResponse(['UNKNOWN_XENAPI_PLUGIN_FUNCTION', fn])
    return successResponse(JSON.stringify(await answerTo(fn, call.args, ask)))
  } catch (error) {
    if (error instanceof Refusal) return failureResponse([error.code, ...refusalLines(error.code, error.facts)])
    const [kind, text] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)]
    return failureResponse(['XENAPI_PLUGIN_FAILURE', fn, kind, text])
  }
}

const misunderstood = (reason: string): Refusal => new Refusal('HOLDFAST_BAD_REQUEST', { reason })
const isPluginFunction = (fn: string): fn is PluginFunction => PLUGIN_FUNCTIONS.some((known) => known === fn)

function answerTo(fn: PluginFunction, args: ReadonlyMap<string, string>, ask: Ask): Promise<unknown> {
  const { timeout, ...given } = Object.fromEntries(args)
  const empty = Object.keys(given).find((name) => given[name] === '')
  if (empty !== undefined) throw misunderstood(`Argument "${empty.slice(0, 80)}" is empty.`)
  const body = {
    ...given,
    ...(given['limit'] === undefined ? {} : { limit: wholeOf(given['limit'], 'limit') }),
    ...(given['repair'] === undefined ? {} : { repair: truthOf(given['repair'], 'repair') }),
    ...(given['plan'] === undefined ? {} : { plan: truthOf(given['plan'], 'plan') }),
  }
  if (!fits(DAEMON_ASKS, fn, body)) throw misunderstood(misfit(DAEMON_ASKS[fn], body))
  return ask(fn, body, limitSeconds(timeout) * 1000)
}

function wholeOf(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text)) throw misunderstood(`Argument "${name}" must be a whole number of at least 0.`)
  return Number(text)
}

function truthOf(text: string, name: string): boolean {
  if (text !== 'true' && text !== 'false') throw misunderstood(`Argument "${name}" must be true or false.`)
  return text === 'true'
}

function limitSeconds(timeout: string | undefined): number {
  const seconds = timeout === undefined ? PLUGIN_LIMIT_S.usual : wholeOf(timeout, 'timeout')
  if (seconds >= 1 && seconds <= PLUGIN_LIMIT_S.longest) return seconds
  throw misunderstood(`Argument "timeout" must be between 1 and ${PLUGIN_LIMIT_S.longest} seconds.`)
}
