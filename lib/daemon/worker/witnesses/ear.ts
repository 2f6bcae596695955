import type { DeciderNote, Noted } from '../../../core/domain/decider-note'
import type { PeerEndpoint } from '../../../ports/peer-connect'
import { PEER_PROTOCOL, type Hello } from '../../../wire/peer'
import type { WorkerSpec } from '../../../wire/worker-api'
import type { WorkerParts } from '../parts'

/**
 * Listens where a secondary would, for one thing: what a living primary has noted. For a host that cannot know its role, or may have lost
 * it; it serves nothing and promises nothing.
 */
export class Ear {
  #endpoint: Promise<PeerEndpoint> | null = null

  constructor(
    private readonly spec: () => WorkerSpec,
    private readonly parts: Pick<WorkerParts, 'listenPeer'>,
    private readonly heard: (note: DeciderNote, term: number, reply: (noted: Noted) => void) => void,
  ) {}

  /** `aboveTerm`: a primary of that term or a lower one has nothing to say. */
  open(aboveTerm: number): void {
    const { listen } = this.spec()
    if (listen === null || this.#endpoint !== null) return
    this.#endpoint = this.parts.listenPeer({
      ...listen,
      onHello: (hello) =>
        this.#isOurs(hello) && hello.term > aboveTerm
          ? { welcome: { protocol: PEER_PROTOCOL, host: this.spec().host, notes: true } }
          : { refuse: { code: 'TERM', text: 'a switch of witnesses is under way here', term: aboveTerm } },
      events: {
        up: () => undefined,
        frame: (frame, link) => {
          if (frame.type === 'note' && frame.term > aboveTerm)
            this.heard(frame.note, frame.term, (noted) => link.send({ type: 'noted', noted }))
        },
        down: () => undefined,
      },
    })
  }

  async close(): Promise<void> {
    const endpoint = this.#endpoint
    this.#endpoint = null
    await (await endpoint)?.close('this worker knows its role')
  }

  #isOurs({ pool, vm }: Hello): boolean {
    const spec = this.spec()
    return pool === spec.pool && vm === spec.vm
  }
}
