import { Refusal } from '../../../lib/core/domain/errors'

/** Null when it was refused, or there was nobody to ask; `say` gets why. */
export async function unlessRefused<T>(asked: Promise<T>, say: (why: string) => void = () => undefined): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof Error && 'code' in error)) throw error
    say(String(error))
    return null
  }
}
