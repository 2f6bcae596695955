import { hostUuid, vmUuid, volumeKey } from '../../../../lib/core/domain/ids'
import { BLOCK_BYTES } from '../../../../lib/core/domain/blocks'
import { DIGEST_BYTES, type ReplicaRequest } from '../../../../lib/core/domain/replica-request'
import type { Disk } from '../../../../lib/daemon/worker/disk/disk'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import { PeerTalk } from '../../../../lib/daemon/worker/peer/peer-talk'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import type { PeerDial, PeerEndpoint } from '../../../../lib/ports/peer-connect'
import { PEER_PROTOCOL, type PeerFrame } from '../../../../lib/wire/peer'
import type { EpochReport } from '../../../../lib/wire/peer-epochs'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { QuietLog } from '../../../integration/quiet-log'
import { TestLink } from './secondary-scene'

const PEER = { host: hostUuid('00000000-0000-4000-8000-000000000002'), addresses: ['127.0.0.1'], port: 1 }
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')

/** A primary's talk with one disk; the peer is the test. */
class Scene {
  readonly answers: { op: number; error: string; bytes: number | null }[] = []
  readonly link = new TestLink()
  readonly log = new QuietLog()
  readonly disk = {
    ...{ index: 0, volume: { key: volumeKey('dddddddd-0000-4000-8000-000000000001'), sizeBytes: 1 << 20, path: '' } },
    peerDone: (op: number, error: string, data?: Buffer) => this.answers.push({ op, error, bytes: data?.length ?? null }),
    replicaDown: () => undefined,
  } as unknown as Disk
  readonly talk: PeerTalk
  readonly epochs: EpochReport[] = []
  readonly hungUp: string[] = []
  dialled: PeerDial | null = null
  dials = 0

  constructor() {
    const parts = {
      ...{ clock: { nowMs: () => 1 }, timers: systemTimers, log: this.log, incarnation: 'one', newLinkId: () => 1 },
      dialPeer: (dial: PeerDial): PeerEndpoint => {
        this.dialled = dial
        this.dials++
        return { port: 0, close: (reason) => Promise.resolve(void this.hungUp.push(reason)) }
      },
    } as unknown as WorkerParts
    const spec = { pool: 'pool', host: PEER.host, volumes: [] } as unknown as WorkerSpec
    this.talk = new PeerTalk(spec, parts, {
      ...{ disks: () => [this.disk], vm: () => VM, term: () => 1, guestActive: () => false, promised: () => undefined },
      ...{ epoch: (report) => this.epochs.push(report), down: () => undefined },
    })
    this.talk.dial(PEER)
  }

  up(): void {
    this.dialled?.events.up(this.link)
    this.frame({ type: 'welcome', welcome: { protocol: PEER_PROTOCOL, host: PEER.host } })
  }

  frame(frame: PeerFrame): void {
    this.dialled?.events.frame(frame, this.link, null)
  }
}

let scene: Scene
beforeEach(() => {
  scene = new Scene()
  scene.up()
})

const READ: ReplicaRequest = { kind: 'read', offset: 0, length: 4096 }
const HASH: ReplicaRequest = { kind: 'hash', offset: 0, length: BLOCK_BYTES + 1 }
const FLUSH: ReplicaRequest = { kind: 'flush', offset: 0, length: 0 }
const data = (seq: number, bytes: number): PeerFrame => ({ type: 'data', seq, volume: 0, data: Buffer.alloc(bytes) })
const done = (seq: number, error = '', volume = 0): PeerFrame => ({ type: 'done', seq, volume, error })

test('answers that bring what was asked for, or an error, are passed on', () => {
  for (const [op, request] of [READ, HASH, FLUSH, READ].entries()) scene.talk.ask(scene.disk, op, request)
  for (const frame of [data(0, 4096), data(1, 2 * DIGEST_BYTES), done(2), done(3, 'EIO')]) scene.frame(frame)
  expect(scene.answers).toEqual([
    { op: 0, error: '', bytes: 4096 },
    { op: 1, error: '', bytes: 2 * DIGEST_BYTES },
    { op: 2, error: '', bytes: null },
    { op: 3, error: 'EIO', bytes: null },
  ])
  expect(scene.link.closed).toBeNull()
})

test.each([
  ['a read with less', READ, data(1, 4095)],
  ['a read with more', READ, data(1, 4097)],
  ['a read with nothing', READ, done(1)],
  ['digests of one block too few', HASH, data(1, DIGEST_BYTES)],
  ['a flush with data', FLUSH, data(1, 1)],
  ['data that nobody asked for', READ, data(2, 4096)],
  ['an answer for a disk that there is not', READ, done(1, '', 7)],
])('the link to a peer that answers %s is closed', (_, request, answer) => {
  scene.talk.ask(scene.disk, 1, request)
  scene.frame(answer)
  expect(scene.answers).toEqual([])
  expect(scene.link.closed).toMatch(/does not fit what was asked/)
})

test('why the peer refuses is known until it does not', () => {
  scene.dialled?.events.down('lost')
  expect(scene.talk.absence).toBe('the peer is not connected')
  scene.dialled?.onRefused({ code: 'SIZE', text: 'volume x has 7 bytes here', term: 1 })
  expect(scene.talk.absence).toBe('the peer refuses this host: volume x has 7 bytes here (SIZE)')
  scene.up()
  scene.dialled?.events.down('lost')
  expect(scene.talk.absence).toBe('the peer is not connected')
})

test('what the peer says of lockstep is passed on, and what only a primary says is not', () => {
  const lines = scene.log.lines.length
  scene.frame({ type: 'epoch-ack', run: 7, epoch: 0 })
  expect(scene.epochs).toEqual([{ type: 'epoch-ack', run: 7, epoch: 0 }])
  scene.frame({ type: 'epoch-leave', run: 7, term: 1 })
  expect(scene.epochs).toHaveLength(1)
  expect(scene.log.lines.slice(lines)).toEqual([expect.stringMatching(/only a primary sends.*epoch-leave/)])
  expect(scene.link.closed).toBeNull()
})

test('a peer that is to be left apart is not dialled until it is not', () => {
  scene.up()
  expect(scene.talk.epochs).toBeNull()
  scene.frame({ type: 'welcome', welcome: { protocol: PEER_PROTOCOL, host: PEER.host, lockstep: true } })
  expect(scene.talk.epochs).not.toBeNull()
  const { dials } = scene
  scene.talk.apart(true)
  expect(scene.hungUp).toEqual([expect.stringContaining('lacks')])
  scene.talk.dial({ ...PEER, port: PEER.port + 1 })
  expect(scene.dials).toBe(dials)
  scene.talk.apart(false)
  expect(scene.dials).toBe(dials + 1)
})
