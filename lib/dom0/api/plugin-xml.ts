import { Parser } from 'xml2js'
import { Refusal } from '../../core/domain/errors'

/** What `host.call_plugin` asks, from the one argument that xapi passes. */
export interface PluginCall {
  readonly fn: string
  /** The caller's session reference; never stored, never logged out. */
  readonly session: string
  readonly args: ReadonlyMap<string, string>
}

/**
 * Reads xapi's compact methodCall and the indented form that Python writes. Rejects with Refusal HOLDFAST_BAD_REQUEST for
 * anything else.
 */
export async function readPluginCall(xml: string): Promise<PluginCall> {
  const root = await parsed(xml)
  const call = child(root, 'methodCall')
  const params = children(child(call, 'params'), 'param')
  const [session, args] = params
  if (session === undefined || args === undefined || params.length > 2) {
    throw misunderstood(`The call has ${params.length} parameters instead of a session and its arguments.`)
  }
  return { fn: textOf(child(call, 'methodName')), session: textOf(child(session, 'value')), args: argsOf(child(args, 'value')) }
}

function argsOf(value: unknown): ReadonlyMap<string, string> {
  const members = children(child(value, 'struct'), 'member')
  return new Map(members.map((member) => [textOf(child(member, 'name')), textOf(child(member, 'value'))]))
}

const misunderstood = (reason: string): Refusal => new Refusal('HOLDFAST_BAD_REQUEST', { reason })

async function parsed(xml: string): Promise<unknown> {
  try {
    const document: unknown = await new Parser({ ignoreAttrs: true }).parseStringPromise(xml)
    return document
  } catch (error) {
    const text = String(error).split('\n')[0] ?? ''
    throw misunderstood(`The call is not XML: ${text}`)
  }
}

const isElement = (node: unknown): node is object => typeof node === 'object' && node !== null
const isBlank = (node: unknown): boolean => typeof node === 'string' && node.trim() === ''

/** All elements called `name` in `node`; an element with nothing in it is a blank text to the parser. */
function children(node: unknown, name: string): readonly unknown[] {
  if (isBlank(node)) return []
  const found = isElement(node) ? new Map<string, unknown>(Object.entries(node)).get(name) : undefined
  if (!Array.isArray(found) && found !== undefined) return [found]
  return found ?? []
}

function child(node: unknown, name: string): unknown {
  const [first] = children(node, name)
  if (first === undefined) throw misunderstood(`The call has no <${name}> where one belongs.`)
  return first
}

/** A bare text, or one inside <string>. */
function textOf(node: unknown): string {
  if (typeof node === 'string') return node
  const [inner] = children(node, 'string')
  if (typeof inner === 'string') return inner
  throw misunderstood('Every argument must be a string.')
}

export const successResponse = (value: string): string =>
  response(`${member('Status', text('Success'))}${member('Value', text(value))}`)

/** `description` is [code, ...params]; xapi makes the API error of it. */
export const failureResponse = (description: readonly [code: string, ...params: string[]]): string =>
  response(
    `${member('Status', text('Failure'))}${member('ErrorDescription', `<array><data>${description.map((item) => `<value>${text(item)}</value>`).join('')}</data></array>`)}`,
  )

const response = (members: string): string =>
  `<methodResponse><params><param><value><struct>${members}</struct></value></param></params></methodResponse>`
const member = (name: string, value: string): string => `<member><name>${name}</name><value>${value}</value></member>`

/**
 * Characters that XML 1.0 forbids are dropped: with one of them in a result, xapi answers its caller INTERNAL_ERROR. A carriage
 * return would be read as a line feed, so it is written as a reference.
 */
const text = (value: string): string =>
  value
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>\r]/g, (character) => ENTITIES[character] ?? character)

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }
