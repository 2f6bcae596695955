import type { FrontRoom } from '../../../lib/wire/nbd/front-relay'

/** Counts what is held, and how much it ever was. */
export class ModelRoom implements FrontRoom {
  requests = 0
  bytes = 0
  mostRequests = 0
  mostBytes = 0

  constructor(
    readonly requestsMax: number,
    readonly bytesMax: number,
  ) {}

  hasRoom(): boolean {
    return this.requests < this.requestsMax && this.bytes < this.bytesMax
  }
  take(bytes: number): void {
    this.requests += 1
    this.bytes += bytes
    this.mostRequests = Math.max(this.mostRequests, this.requests)
    this.mostBytes = Math.max(this.mostBytes, this.bytes)
  }
  release(bytes: number): void {
    this.requests -= 1
    this.bytes -= bytes
  }
}
