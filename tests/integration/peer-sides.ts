import type { FrameMemory, PeerLink, PeerLinkEvents } from '../../lib/ports/peer-link'
import { PEER_PROTOCOL, type Hello, type PeerFrame, type Welcome } from '../../lib/wire/peer'

export const POOL = '3b0c6c2e-5d1c-4f0e-9a37-0c7a3d1f2b10'
export const KEY = Buffer.alloc(32, 0x5c)

export const HELLO: Hello = {
  protocol: PEER_PROTOCOL,
  pool: POOL,
  vm: '0d3f2a8e-93a2-47c4-b1f0-5f1f0cb1a001',
  host: '0d3f2a8e-93a2-47c4-b1f0-5f1f0cb1a002',
  incarnation: 'a process',
  term: 4,
  linkId: 10,
  volumes: [{ key: '0d3f2a8e-93a2-47c4-b1f0-5f1f0cb1a003', sizeBytes: 1 << 30 }],
}

export const WELCOME: Welcome = {
  protocol: PEER_PROTOCOL,
  host: '0d3f2a8e-93a2-47c4-b1f0-5f1f0cb1a004',
}

/** What one side of a link saw. */
export class Side implements PeerLinkEvents {
  readonly story: string[] = []
  readonly frames: PeerFrame[] = []
  link: PeerLink | null = null

  up(link: PeerLink): void {
    this.link = link
    this.story.push('up')
  }
  /** Every second frame's memory is given back at once, so that others are read to where it was. */
  frame(frame: PeerFrame, _link: PeerLink, memory: FrameMemory | null): void {
    if (frame.type === 'welcome') {
      this.story.push('welcome')
    } else if ('data' in frame && this.frames.length % 2 === 0) {
      this.frames.push({ ...frame, data: Buffer.from(frame.data) })
      memory?.giveBack(true)
    } else {
      this.frames.push(frame)
    }
  }
  down(reason: string): void {
    this.link = null
    this.story.push(`down: ${reason}`)
  }
}

const LIMIT_MS = 20_000

/** Waits for a condition; its absence after a generous time fails the test with what `otherwise` says. */
export async function until(condition: () => boolean, otherwise: () => unknown): Promise<void> {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > LIMIT_MS) throw new Error(`never came true: ${JSON.stringify(otherwise())}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
