/**
 * Parameters as sent, turned into values of their declared types. Types that do not fit are INTERNAL_ERRORs that quote the value
 * in the notation of XAPI's own RPC library: I(5), S(text), B(true), F(1.5), N, [..;..], {k:..}.
 */
import type { Value } from '../../contract'
import { ApiError } from '../../contract'
import { enumValues } from '../schema/schema'
import type { Type } from '../schema/type'
import { XmlDouble } from '../wire/xml-rpc'

const fails = (text: string): ApiError => new ApiError('INTERNAL_ERROR', `Failure("${text}")`)
const expected = (what: string, got: unknown): ApiError => fails(`Expected ${what}, got '${quote(got)}'`)
const expecting = (what: string, got: unknown): ApiError => fails(`Expecting Rpc.${what}, but found '${quote(got)}'`)

function quote(value: unknown): string {
  if (value === null || value === undefined) return 'N'
  if (value instanceof XmlDouble) return `F(${value.value})`
  if (Array.isArray(value)) return `[${value.map(quote).join(';')}]`
  if (typeof value === 'string') return `S(${value})`
  if (typeof value === 'boolean') return `B(${value})`
  if (typeof value === 'number') return Number.isInteger(value) ? `I(${value})` : `F(${value})`
  const members = Object.entries(value).map(([key, member]) => `${key}:${quote(member)}`)
  return `{${members.join(';')}}`
}

export function incoming(type: Type, value: unknown): Value {
  switch (type.kind) {
    case 'string':
    case 'ref':
      return stringParameter(value)
    case 'datetime':
      return date(stringParameter(value))
    case 'int':
      return int(value)
    case 'float':
      return float(value)
    case 'bool':
      if (typeof value !== 'boolean') throw expected('bool', value)
      return value
    case 'enum':
      return tag(type.name, stringParameter(value))
    case 'set':
      if (!Array.isArray(value)) throw expecting('Enum', value)
      return value.map((item) => incoming(type.item, item))
    case 'map':
      return map(type, value)
    case 'record':
    case 'void':
      return loose(value)
  }
}

/** A parameter declared as a string or a reference. */
export function stringParameter(value: unknown): string {
  if (typeof value !== 'string') throw expected('string', value)
  return value
}

function date(value: string): string {
  if (!/^\d{4}-?\d\d-?\d\d(T\d\d:\d\d:\d\d.*)?$/.test(value)) {
    throw new ApiError('INTERNAL_ERROR', `Invalid argument: Clock__Date.of_iso8601: ${value}`)
  }
  return value
}

function int(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (typeof value !== 'string') throw expected('int64', value)
  if (!/^-?\d+$/.test(value)) throw fails('Int64.of_string')
  return Number(value)
}

function float(value: unknown): number {
  if (value instanceof XmlDouble) return value.value
  if (typeof value === 'number') return value
  if (typeof value !== 'string') throw expected('float', value)
  if (value.trim() === '' || Number.isNaN(Number(value))) throw fails('float_of_string')
  return Number(value)
}

/** Enumerations are read without regard to case. */
function tag(name: string, value: string): string {
  const values = enumValues(name)
  if (values === undefined) return value
  const found = values.find((each) => each.toLowerCase() === value.toLowerCase())
  if (found === undefined) throw fails('Unknown tag/contents')
  return found
}

function map(type: Extract<Type, { kind: 'map' }>, value: unknown): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof XmlDouble) {
    throw expecting('Dict', value)
  }
  const entries = Object.entries(value).map(([key, member]): [string, Value] => {
    return [type.key.kind === 'enum' ? tag(type.key.name, key) : key, incoming(type.value, member)]
  })
  return Object.fromEntries(entries)
}

/** Records are checked field by field by whoever takes one. */
export function loose(value: unknown): Value {
  if (value === null || value === undefined) return ''
  if (value instanceof XmlDouble) return value.value
  if (Array.isArray(value)) return value.map(loose)
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, loose(member)]))
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new ApiError('INTERNAL_ERROR', `Failure("unexpected ${typeof value}")`)
}
