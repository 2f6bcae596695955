/** Structured log; facts are printed as JSON behind the text. Never a secret. */
export interface Log {
  debug(text: string, facts?: Readonly<Record<string, unknown>>): void
  info(text: string, facts?: Readonly<Record<string, unknown>>): void
  warn(text: string, facts?: Readonly<Record<string, unknown>>): void
  error(text: string, facts?: Readonly<Record<string, unknown>>): void
}
