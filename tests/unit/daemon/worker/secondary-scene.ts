import { noClaimNotes } from '../../../world/no-claim-notes'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Claim, StoredClaim } from '../../../../lib/core/domain/claim'
import { vmUuid, volumeKey } from '../../../../lib/core/domain/ids'
import { TICK_MS, type WorkerParts } from '../../../../lib/daemon/worker/parts'
import { Secondary } from '../../../../lib/daemon/worker/secondary'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import type { CheckpointPort } from '../../../../lib/ports/checkpoints'
import type { PeerListen } from '../../../../lib/ports/peer-connect'
import type { PeerLink } from '../../../../lib/ports/peer-link'
import { WitnessUnreachable } from '../../../../lib/ports/witness'
import type { PeerFrame } from '../../../../lib/wire/peer'
import { PEER_PROTOCOL } from '../../../../lib/wire/peer'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A, B, claimBy } from '../../../contracts/witness-port'
import { QuietLog } from '../../../integration/quiet-log'
import { eventually } from '../../../integration/worker-host'
import { FaultyReplicas } from './faulty-replica'

export const VOLUMES = [1, 2].map((n) => volumeKey(`dddddddd-0000-4000-8000-00000000000${n}`))
export const SIZE_BYTES = 1 << 22
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')

/** The port's other side: keeps what it is sent. */
export class TestLink implements PeerLink {
  readonly queuedBytes = 0
  readonly sent: PeerFrame[] = []
  closed: string | null = null

  send(frame: PeerFrame): void {
    this.sent.push(frame)
  }

  close(reason: string): void {
    this.closed = reason
  }

  /** Volumes that were offered. */
  get present(): number[] {
    return this.sent.flatMap((frame) => (frame.type === 'present' ? [frame.volume] : []))
  }
}

/** A secondary on host B with two real replicas, and a clock that the test moves. The primary, on host A, is the test. */
export class SecondaryScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-secondary-'))
  readonly replicas = new FaultyReplicas()
  readonly log = new QuietLog()
  readonly acts: string[] = []
  readonly spec: WorkerSpec
  readonly parts: WorkerParts
  nowMs = 1_000_000
  stored: StoredClaim
  witnessAnswers = true
  /** Answered. */
  reads = 0
  /** It stores what it is asked to, and is silent from then on; milliseconds that pass meanwhile. */
  swallowsSwapsForMs = 0
  secondary: Secondary
  #listen: PeerListen | null = null

  /** `checkpoints`: where a standby is kept. */
  constructor(upToDate: Claim['upToDate'] = {}, checkpoints?: CheckpointPort) {
    this.stored = { revision: 1, claim: claimBy(A, { vm: VM, leaseMs: 100, upToDate }) }
    const volumes = VOLUMES.map((key) => ({ key, sizeBytes: SIZE_BYTES, path: join(this.folder, `${key}.raw`) }))
    this.spec = {
      ...{ format: 1, id: VM, pool: 'pool', host: B, vm: VM, witness: '', poolKeyFile: '', timelineFile: '' },
      ...{ volumes, listen: { addresses: [], port: 0 }, peer: null, attached: {} },
    }
    this.parts = {
      ...{ clock: { nowMs: () => this.nowMs }, timers: systemTimers, log: this.log, openReplica: this.replicas.opener },
      ...{
        bootClock: { nowMs: () => this.nowMs },
        leases: { left: null, tell: () => false, forget: () => undefined, trouble: '' },
      },
      timeline: { record: ({ act }: { act: string }) => this.acts.push(act) },
      ...{ alternate: null, claimNotes: noClaimNotes },
      witness: { reachable: true, read: () => this.#read(), compareAndSwap: (_: number, next: Claim) => this.#swap(next) },
      listenPeer: (listen: PeerListen) => {
        this.#listen = listen
        return Promise.resolve({ port: 1, close: () => Promise.resolve() })
      },
      ...{ incarnation: 'b', boot: 'boot', newGeneration: () => '00000000000000bb', pace: {} },
      ...(checkpoints === undefined ? {} : { checkpoints }),
      // Nothing else of the world is asked for here.
    } as unknown as WorkerParts
    this.secondary = new Secondary(this.spec, this.parts, this.stored)
  }

  get listed(): Claim['upToDate'] {
    return Object.fromEntries(VOLUMES.map((key) => [key, [A, B]]))
  }

  #read(): Promise<StoredClaim> {
    if (!this.witnessAnswers) return Promise.reject(new WitnessUnreachable('not there'))
    this.reads++
    return Promise.resolve(this.stored)
  }

  #swap(claim: Claim): Promise<{ stored: true; revision: number }> {
    this.stored = { revision: this.stored.revision + 1, claim }
    if (this.swallowsSwapsForMs > 0) {
      this.nowMs += this.swallowsSwapsForMs
      this.witnessAnswers = false
      return Promise.reject(new WitnessUnreachable('no answer'))
    }
    return Promise.resolve({ stored: true, revision: this.stored.revision })
  }

  list(upToDate: Claim['upToDate']): void {
    this.stored = { revision: this.stored.revision + 1, claim: { ...this.stored.claim, upToDate } }
  }

  /** Both replicas are made, and in step with the primary's. */
  async inStep(): Promise<TestLink> {
    await this.secondary.open()
    const link = this.link('a')
    await this.until('both are offered', () => link.present.length === 2)
    const generations = { current: '00000000000000aa', bitmap: '', former: '', history: [] }
    for (const volume of VOLUMES.keys())
      this.frame(link, { type: 'mark', seq: 1, volume, term: 1, mark: { state: 'up-to-date', generations, bits: 'none' } })
    await this.until('both are marked', () => link.sent.filter(({ type }) => type === 'done').length === 2)
    this.list(this.listed)
    return link
  }

  /** The next process, on the same machine. */
  async again(): Promise<void> {
    await this.secondary.close()
    this.secondary = new Secondary(this.spec, this.parts, this.stored)
  }

  link(incarnation: string): TestLink {
    const answer = this.#listen?.onHello({
      ...{ protocol: PEER_PROTOCOL, pool: 'pool', vm: VM, host: A, incarnation, term: 1, linkId: 1 },
      volumes: VOLUMES.map((key) => ({ key, sizeBytes: SIZE_BYTES })),
    })
    if (answer === undefined || 'refuse' in answer) throw new Error(`refused: ${JSON.stringify(answer)}`)
    const link = new TestLink()
    this.#listen?.events.up(link)
    return link
  }

  lose(): void {
    this.#listen?.events.down('the test')
  }

  frame(link: TestLink, frame: PeerFrame): void {
    this.#listen?.events.frame(frame, link, null)
  }

  write(link: TestLink, volume: number, seq: number, offset = 0, byte = 1): void {
    this.frame(link, { type: 'write', seq, volume, offset, term: 1, data: Buffer.alloc(4096, byte), fua: false })
  }

  tick(forMs: number): void {
    for (const untilMs = this.nowMs + forMs; this.nowMs < untilMs;) this.secondary.tick((this.nowMs += TICK_MS))
  }

  until(what: string, isTrue: () => boolean): Promise<true> {
    return eventually(what, () => Promise.resolve(isTrue() ? true : null))
  }

  async close(): Promise<void> {
    await this.secondary.close()
    rmSync(this.folder, { recursive: true })
  }
}
