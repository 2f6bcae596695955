/** What a peer sent is not what was agreed; the text names the place, never the content. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

export type Fields = Readonly<Record<string, unknown>>

/** Parses JSON that must be an object. Throws Malformed. */
export function jsonObject(text: string): Fields {
  try {
    return fields(JSON.parse(text), 'message')
  } catch (error) {
    if (error instanceof SyntaxError) throw new Malformed('not JSON')
    throw error
  }
}

export function fields(value: unknown, place: string): Fields {
  if (!isFields(value)) throw new Malformed(`${place} is not an object`)
  return value
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A whole number of at least 0 that JavaScript holds exactly. */
export function wholeNumber(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Malformed(`${place} is not a whole number`)
  return value
}

export function text(value: unknown, place: string, lengthMax = 200): string {
  if (typeof value !== 'string' || value.length > lengthMax) throw new Malformed(`${place} is not a text of ${lengthMax} or less`)
  return value
}

export function flag(value: unknown, place: string): boolean {
  if (typeof value !== 'boolean') throw new Malformed(`${place} is not true or false`)
  return value
}

export function list(value: unknown, place: string, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw new Malformed(`${place} is not a list of ${lengthMax} or less`)
  return value
}

/** An identifier checked by one of core/domain/ids, whose TypeError becomes Malformed. */
export function id<T>(check: (text: string) => T, value: unknown, place: string): T {
  try {
    return check(text(value, place))
  } catch (error) {
    if (error instanceof TypeError) throw new Malformed(`${place} is not a uuid`)
    throw error
  }
}

export function oneOf<T extends string>(choices: readonly T[], value: unknown, place: string): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw new Malformed(`${place} is none of ${choices.join(', ')}`)
  return found
}
