/** The system's name of a failure (`ENOENT`, `ECONNREFUSED`, ...); empty when it has none. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** What a failure says, whatever was thrown. */
export const textOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
    ? error.message
    : String(error)

/** A failure of our own that is told like the system's. */
export const failure = (code: string, text: string): Error => Object.assign(new Error(`${code}: ${text}`), { code })
