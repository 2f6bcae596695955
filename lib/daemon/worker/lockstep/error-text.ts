const TEXT_MAX = 200
const BUGS: ReadonlySet<unknown> = new Set(['InvariantViolation', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])

/** What a port rejected with, for an event, a note or the peer; bounded. What is a bug goes up. By shape: it may come from another realm. */
export function errorText(error: unknown): string {
  const text = textOf(error)
  if (text === null) throw error
  return text.slice(0, TEXT_MAX)
}

function textOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('message' in error)) return null
  return 'name' in error && BUGS.has(error.name) ? null : String(error.message)
}

export const codedError = (code: string, text: string): Error => Object.assign(new Error(text), { code })
