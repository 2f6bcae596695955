import { Refusal } from '../../../lib/core/domain/errors'

/** Null when it was refused, or there was nobody to ask. */
export async function unlessRefused<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof Error && 'code' in error)) throw error
    return null
  }
}
