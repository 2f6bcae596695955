/** XML-RPC as XAPI speaks it: ints as bare strings, results in a struct of Status and Value or ErrorDescription. */
import type { Value } from '../../contract'
import { CLASSES } from '../schema/schema'
import type { Type } from '../schema/type'
import type { Element } from './xml-tree'
import { escapeXml, XmlFault } from './xml-tree'

export interface RpcCall {
  readonly method: string
  /** As sent: numbers, strings, booleans, arrays, objects, null. */
  readonly params: readonly unknown[]
}

/** Throws XmlFault on anything that is not a methodCall. */
export function readCall(root: Element): RpcCall {
  if (root.name !== 'methodCall') throw new XmlFault('expected methodCall', 1)
  const method = root.children.find(({ name }) => name === 'methodName')?.text ?? ''
  const params = root.children.find(({ name }) => name === 'params')?.children ?? []
  return { method, params: params.map((param) => readValue(param.children[0])) }
}

/** What an element <value> holds. */
export function readValue(value: Element | undefined): unknown {
  if (value === undefined) return ''
  const typed = value.children[0]
  if (typed === undefined) return value.text
  switch (typed.name) {
    case 'string':
    case 'dateTime.iso8601':
      return typed.text
    case 'i4':
    case 'int':
      return Number(typed.text)
    case 'double':
      return new XmlDouble(Number(typed.text))
    case 'boolean':
      return typed.text === '1'
    case 'nil':
      return null
    case 'array':
      return (typed.children[0]?.children ?? []).map(readValue)
    case 'struct':
      return Object.fromEntries(typed.children.map(readMember))
    default:
      throw new XmlFault(`unexpected element ${typed.name}`, 1)
  }
}

/** Keeps 1.0 apart from 1, which matters to XAPI's types. */
export class XmlDouble {
  constructor(readonly value: number) {}
}

function readMember(member: Element): [string, unknown] {
  const name = member.children.find((child) => child.name === 'name')?.text ?? ''
  return [name, readValue(member.children.find((child) => child.name === 'value'))]
}

const PROLOG = '<?xml version="1.0"?>'
const respond = (struct: string): string =>
  `${PROLOG}<methodResponse><params><param><value><struct>${struct}</struct></value></param></params></methodResponse>`
const member = (name: string, value: string): string => `<member><name>${escapeXml(name)}</name>${value}</member>`

/** A result in XML form; the type tells floats from ints and dates from strings. */
export function writeSuccess(value: Value, type: Type | undefined): string {
  return respond(member('Status', '<value>Success</value>') + member('Value', writeValue(value, type)))
}

export function writeFailure(code: string, params: readonly string[]): string {
  const items = [code, ...params].map((text) => `<value>${escapeXml(text)}</value>`).join('')
  return respond(
    member('Status', '<value>Failure</value>') +
      member('ErrorDescription', `<value><array><data>${items}</data></array></value>`),
  )
}

export function writeValue(value: Value, type?: Type): string {
  if (typeof value === 'boolean') return `<value><boolean>${value ? 1 : 0}</boolean></value>`
  if (typeof value === 'number') {
    const isDouble = type?.kind === 'float' || !Number.isInteger(value)
    return isDouble ? `<value><double>${value}</double></value>` : `<value>${value}</value>`
  }
  if (typeof value === 'string') {
    return type?.kind === 'datetime'
      ? `<value><dateTime.iso8601>${escapeXml(value)}</dateTime.iso8601></value>`
      : `<value>${escapeXml(value)}</value>`
  }
  if (Array.isArray(value)) {
    const item = type?.kind === 'set' ? type.item : undefined
    return `<value><array><data>${value.map((each) => writeValue(each, item)).join('')}</data></array></value>`
  }
  const members = Object.entries(value).map(([name, each]) => member(name, writeMember(name, each, value, type)))
  return `<value><struct>${members.join('')}</struct></value>`
}

const EVENT: Type = { kind: 'record', name: 'event' }

function writeMember(name: string, value: Value, whole: { [key: string]: Value }, type: Type | undefined): string {
  if (type?.kind === 'map') return writeValue(value, type.value)
  if (type?.kind !== 'record') return writeValue(value)
  if (type.name === 'event batch') {
    if (name === 'valid_ref_counts' && typeof value === 'object') return writeCounts(value)
    return writeValue(value, { kind: 'set', item: EVENT })
  }
  if (type.name === 'event') {
    return name === 'snapshot' ? writeValue(value, { kind: 'record', name: classNamed(whole['class']) }) : writeValue(value)
  }
  return writeValue(value, CLASSES.get(type.name)?.fields.get(name)?.type)
}

/** The one place where XAPI writes ints as <i4>. */
function writeCounts(counts: object): string {
  return `<value><struct>${Object.entries(counts)
    .map(([name, count]) => member(name, `<value><i4>${String(count)}</i4></value>`))
    .join('')}</struct></value>`
}

const byLowerCase = new Map([...CLASSES.keys()].map((name) => [name.toLowerCase(), name]))
/** The class of an event, whose name is in lower case there. */
const classNamed = (name: Value | undefined): string =>
  typeof name === 'string' ? (byLowerCase.get(name.toLowerCase()) ?? '') : ''
