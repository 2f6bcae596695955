/** What a plug-in's exit and output mean to the caller of host.call_plugin. */
import { ApiError } from '../../contract'
import type { Ended } from '../process/run'
import type { Element } from '../wire/xml-tree'
import { parseXml, XmlFault } from '../wire/xml-tree'

const failure = (...params: string[]): ApiError => new ApiError('XENAPI_PLUGIN_FAILURE', ...params)
const shape = (text: string): ApiError => new ApiError('INTERNAL_ERROR', `XMLRPC.RunTimeTypeError("${text}", _)`)

/** The string in Value, or the error the caller sees. */
export function pluginOutcome(ended: Ended): string {
  if (ended.signal !== undefined) throw failure(`signal: ${ended.signal}`, ended.stdout.toString(), ended.stderr.toString())
  if (ended.exit !== 0) throw failure('non-zero exit', ended.stdout.toString(), ended.stderr.toString())
  return pluginAnswer(legalText(ended.stdout))
}

/** Text that XML cannot hold cannot be stored either, not even as the text of an error. */
function legalText(output: Buffer): string {
  const text = output.toString('utf8')
  // eslint-disable-next-line no-control-regex -- exactly the characters XML 1.0 forbids
  if (!Buffer.from(text, 'utf8').equals(output) || /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text)) {
    throw new ApiError('INTERNAL_ERROR', 'Db_exn.Invalid_value')
  }
  return text
}

function pluginAnswer(stdout: string): string {
  let root
  try {
    root = parseXml(stdout)
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error
    throw failure('failed to parse plugin output', stdout, `${error.message} line ${error.line}`)
  }
  return unwrap(expect(root, 'methodResponse'))
}

function unwrap(response: Element): string {
  const [only] = response.children
  if (only?.name === 'fault') throw fault(only)
  const params = only === undefined ? [] : only.children
  if (params.length !== 1 || params[0] === undefined) throw shape('Expected single return value (struct status)')
  const status = members(expect(inner(params[0], 'value'), 'value'))
  const word = string(status.get('Status'))
  if (word === 'Success' && status.has('Value')) return string(status.get('Value')) ?? ''
  if (word === 'Failure' && status.has('ErrorDescription')) throw description(status.get('ErrorDescription'))
  throw shape('Status')
}

function description(value: Element | undefined): ApiError {
  const data = value?.children[0]?.children[0]
  const items = (data?.children ?? []).map((item) => string(item) ?? '')
  const [code, ...params] = items
  return code === undefined ? shape('Empty array of error strings') : new ApiError(code, ...params)
}

function fault(element: Element): ApiError {
  const told = members(element.children[0])
  return failure('fault', told.get('faultCode')?.children[0]?.text ?? '', string(told.get('faultString')) ?? '')
}

function expect(element: Element, name: string): Element {
  // An element with attributes is never what is looked for.
  if (element.name !== name || element.hasAttributes) throw shape(`unbox: Element=${element.name} should contain '${name}'`)
  return element
}

function inner(element: Element, name: string): Element {
  const child = element.children[0]
  if (child === undefined) throw shape(`unbox: PCData=${element.text} should contain '${name}'`)
  return child
}

function members(value: Element | undefined): Map<string, Element> {
  if (value === undefined) return new Map()
  const struct = expect(inner(value, 'struct'), 'struct')
  return new Map(
    struct.children.map((each) => [
      each.children.find(({ name }) => name === 'name')?.text ?? '',
      each.children.find(({ name }) => name === 'value') ?? each,
    ]),
  )
}

function string(value: Element | undefined): string | undefined {
  const typed = value?.children[0]
  if (typed === undefined) return value?.text
  if (typed.name !== 'string') throw shape(`unbox: Element=${typed.name} should contain 'string'`)
  return typed.text
}
