/** Where a disk's client connects, when it cannot reconnect by itself. */
export interface FrontPort {
  /**
   * A front for this client of the volume, before the worker's socket `to`; idempotent. Whoever used the volume before, under another
   * domain, keeps the worker that it has and gets no other. Resolves with the socket for the client. Rejects with the system's error.
   */
  serve(client: FrontClient, to: { readonly socket: string; readonly exportName: string }): Promise<string>
  /** No client of the volume may come any more, or only none of this domain; its fronts end when their last ones have left. */
  release(volume: string, domain?: string): void
}

export interface FrontClient {
  readonly volume: string
  readonly domain: string
}
