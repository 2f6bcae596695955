import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import type { GuestRequest, Presence, ReplicaRequest } from '../../../lib/core/domain/replica-request'
import { DIGEST_BYTES } from '../../../lib/core/domain/replica-request'
import type { MirrorEffect, MirrorEvent, Side } from '../../../lib/core/mirror/events'
import { Mirror } from '../../../lib/core/mirror/mirror'

const SIZE = 8 * BLOCK_BYTES
const write = (offset: number, text: string): GuestRequest => ({
  kind: 'write',
  offset,
  length: text.length,
  data: Buffer.from(text),
  fua: false,
})
const names = (effects: readonly MirrorEffect[]): string[] =>
  effects.flatMap((e) => {
    if (e.do === 'io') return [`${e.side} ${e.request.kind}`]
    if (e.do === 'reply') return [`reply ${e.id}${e.error === '' ? '' : ` ${e.error}`}`]
    if (e.do === 'propose') return [`propose ${[e.members.local && 'local', e.members.peer && 'peer'].filter(Boolean).join('+')}`]
    return e.do === 'note' ? [e.act] : []
  })
const issue = (effects: readonly MirrorEffect[], side: string): number => {
  const io = effects.find((e) => e.do === 'io' && e.side === side)
  if (io?.do !== 'io') throw new Error(`nothing was asked of ${side}`)
  return io.op
}

const presence = (identity: string, changes: Partial<Presence> = {}): Presence => ({
  ...{ identity, incarnation: identity, state: 'up-to-date', cacheKept: true },
  generations: { current: '', bitmap: '', former: '', history: [] },
  ...changes,
})
const up = (side: Side, of: Presence): MirrorEvent => ({
  ...{ on: 'replica-up', side, presence: of },
  bits: new DirtyBitmap(SIZE),
})

/** Answers everything that the mirror asks, as two disks of zeroes would; returns what was done on the way. */
function settle(mirror: Mirror, effects: readonly MirrorEffect[]): MirrorEffect[] {
  const todo = [...effects]
  const seen: MirrorEffect[] = []
  for (let e = todo.shift(); e !== undefined; e = todo.shift()) {
    seen.push(e)
    if (e.do !== 'io') continue
    const data = answer(e.request)
    todo.push(...mirror.apply({ on: 'done', side: e.side, op: e.op, error: '', ...(data === null ? {} : { data }) }))
  }
  return seen
}

function answer(request: ReplicaRequest): Buffer | null {
  if (request.kind === 'read') return Buffer.alloc(request.length)
  return request.kind === 'hash' ? Buffer.alloc((request.length / BLOCK_BYTES) * DIGEST_BYTES) : null
}

function lone(): Mirror {
  let last = 0
  const mirror = new Mirror({
    ...{ sizeBytes: SIZE, listed: { local: true, peer: false }, tracked: true },
    newGeneration: () => (++last).toString(16).padStart(16, '0'),
  })
  settle(mirror, mirror.apply(up('local', presence('L'))))
  return mirror
}

/** A mirror whose two replicas are members. */
function pair(): Mirror {
  const mirror = lone()
  settle(mirror, mirror.apply(up('peer', presence('P', { state: 'inconsistent' }))))
  expect(mirror.replicas.peer.state).toBe('joining')
  settle(mirror, mirror.apply({ on: 'claimed', members: { local: true, peer: true } }))
  expect(mirror.replicas.peer.state).toBe('member')
  return mirror
}

describe('a write', () => {
  test('is answered when both replicas have it', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    expect(names(asked)).toEqual(['peer write', 'local write'])
    expect(names(mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: '' }))).toEqual([])
    expect(names(mirror.apply({ on: 'done', side: 'peer', op: issue(asked, 'peer'), error: '' }))).toEqual(['reply 1'])
  })

  test('waits for the claim, and for the history to part, when the peer is lost', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: '' })
    const lost = mirror.apply({ on: 'replica-down', side: 'peer', error: 'silent' })
    expect(names(lost)).toEqual(['replica-failed', 'local mark'])
    expect(names(settle(mirror, lost))).toEqual(['replica-failed', 'local mark', 'propose local'])
    const claimed = mirror.apply({ on: 'claimed', members: { local: true, peer: false } })
    expect(names(claimed)).toEqual(['replica-left-claim', 'local mark'])
    expect(names(settle(mirror, claimed))).toEqual(['replica-left-claim', 'local mark', 'reply 1'])
    expect(mirror.replicas.peer.dirty.count).toBe(1)
  })
})
