/** The user's wish or this machine stands in the way; the message says what, why, and what to do. */
export class CannotMeasure extends Error {
  constructor(what: string, why: string, todo: string) {
    super(`${what}\n  why:   ${why}\n  to do: ${todo}`)
  }
}
