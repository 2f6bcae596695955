import { Refusal } from '../../core/domain/errors'

/** The named arguments of a storage call, read with a check each; what a newer xapi adds is ignored. */
export class StorageArguments {
  readonly #values: ReadonlyMap<string, unknown>

  constructor(json: string) {
    this.#values = new Map<string, unknown>(Object.entries(objectOf(json)))
  }

  text(name: string): string {
    const value = this.#values.get(name)
    if (typeof value !== 'string') throw unfit(name, 'a text')
    return value
  }

  bytes(name: string): number {
    const value = this.#values.get(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unfit(name, 'a number of bytes')
    return value
  }

  truth(name: string): boolean {
    const value = this.#values.get(name)
    if (typeof value !== 'boolean') throw unfit(name, 'true or false')
    return value
  }

  pairs(name: string): Record<string, string> {
    const value = this.#values.get(name)
    if (!isPairs(value)) throw unfit(name, 'an object of texts')
    return value
  }
}

const unfit = (name: string, wanted: string): Refusal =>
  new Refusal('HOLDFAST_BAD_REQUEST', { reason: `Argument "${name}" must be ${wanted}.` })

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
const isPairs = (value: unknown): value is Record<string, string> =>
  isObject(value) && Object.values(value).every((each) => typeof each === 'string')

function objectOf(json: string): object {
  try {
    const value: unknown = JSON.parse(json)
    if (isObject(value)) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'The standard input is not a JSON object.' })
}
