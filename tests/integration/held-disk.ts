import type { DiskHandler, DiskReply, DiskRequest } from '../../lib/ports/disk-export'

/** Takes requests and answers them when told to. */
export class HeldDisk {
  readonly held: { readonly request: DiskRequest; readonly reply: (result: DiskReply) => void }[] = []
  readonly handler: DiskHandler = (request, reply) => {
    this.held.push({ request, reply })
  }
  answer(result: DiskReply): void {
    this.held.shift()?.reply(result)
  }
}
