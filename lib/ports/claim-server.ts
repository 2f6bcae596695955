/** One host's connection to the witness. */
export interface ClaimConnection {
  /** Proven by its key. */
  readonly pool: string
  /** For the log. */
  readonly remote: string
  /** Nothing happens when the connection is closed already. */
  send(line: string): void
  /** Sends what was given to send() first. */
  close(): void
}

export interface ClaimServerEvents {
  opened(connection: ClaimConnection): void
  /** Never after close() or closed(). */
  line(connection: ClaimConnection, line: string): void
  closed(connection: ClaimConnection): void
}
