/** Reading an API value as what it must be. A value of another kind is a mistake of ours: the types were checked at the door. */
import { type Value } from './contract'

export type Members = { [key: string]: Value }

function wrong(expected: string, value: Value | undefined): never {
  throw new TypeError(`expected ${expected}, got ${JSON.stringify(value)}`)
}

export const text = (value: Value | undefined): string => (typeof value === 'string' ? value : wrong('a string', value))

export const flag = (value: Value | undefined): boolean => (typeof value === 'boolean' ? value : wrong('a boolean', value))

export const int = (value: Value | undefined): number => (typeof value === 'number' ? value : wrong('a number', value))

export const list = (value: Value | undefined): Value[] => (Array.isArray(value) ? value : wrong('a list', value))

export const texts = (value: Value | undefined): string[] => list(value).map(text)

export const isRecord = (value: Value | undefined): value is Members => typeof value === 'object' && !Array.isArray(value)

export const record = (value: Value | undefined): Members => (isRecord(value) ? value : wrong('a map', value))

export const textMap = (value: Value | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(record(value)).map(([key, member]) => [key, text(member)]))

/** JSON read from outside (a script's answer, a file): null members are left out, a bare null is ''. */
export function fromJson(json: unknown): Value {
  if (json === null || json === undefined) return ''
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') return json
  if (Array.isArray(json)) return json.map(fromJson)
  return Object.fromEntries(
    Object.entries(json)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, fromJson(member)]),
  )
}

/** `YYYYMMDDTHH:MM:SSZ`. */
export const dateText = (date: Date): string => `${date.toISOString().slice(0, 19).replaceAll('-', '')}Z`
export const NEVER = '19700101T00:00:00Z'
