import { BLOCK_BYTES } from '../../../lib/core/mirror/dirty-bitmap'
import type { GuestRequest, MirrorEffect } from '../../../lib/core/mirror/events'
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
  effects.map((e) => {
    if (e.do === 'io') return `${e.side} ${e.request.kind}`
    if (e.do === 'reply') return `reply ${e.id}${e.error === '' ? '' : ` ${e.error}`}`
    if (e.do === 'propose') return `propose ${[e.members.local && 'local', e.members.peer && 'peer'].filter(Boolean).join('+')}`
    return e.act
  })
const issue = (effects: readonly MirrorEffect[], side: string): number => {
  const io = effects.find((e) => e.do === 'io' && e.side === side)
  if (io?.do !== 'io') throw new Error(`nothing was asked of ${side}`)
  return io.op
}

/** A mirror whose two replicas are members. */
function pair(): Mirror {
  const mirror = new Mirror(SIZE, { local: true, peer: false })
  const todo = [
    ...mirror.apply({ on: 'replica-up', side: 'local', identity: 'L', incarnation: 'l', sound: true }),
    ...mirror.apply({ on: 'replica-up', side: 'peer', identity: 'P', incarnation: 'p', sound: false }),
  ]
  for (let e = todo.shift(); e !== undefined; e = todo.shift()) {
    if (e.do !== 'io') continue
    const data = e.request.kind === 'read' ? { data: Buffer.alloc(e.request.length) } : {}
    todo.push(...mirror.apply({ on: 'done', side: e.side, op: e.op, error: '', ...data }))
  }
  expect(mirror.replicas.peer.state).toBe('joining')
  mirror.apply({ on: 'claimed', members: { local: true, peer: true } })
  expect(mirror.replicas.peer.state).toBe('member')
  return mirror
}

describe('a write', () => {
  test('is answered when both replicas have it', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    expect(names(asked)).toEqual(['local write', 'peer write'])
    expect(names(mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: '' }))).toEqual([])
    expect(names(mirror.apply({ on: 'done', side: 'peer', op: issue(asked, 'peer'), error: '' }))).toEqual(['reply 1'])
  })

  test('waits for the claim when the peer is lost', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: '' })
    expect(names(mirror.apply({ on: 'replica-down', side: 'peer', error: 'silent' }))).toEqual([
      'replica-failed',
      'propose local',
    ])
    expect(names(mirror.apply({ on: 'claimed', members: { local: true, peer: false } }))).toEqual([
      'replica-left-claim',
      'reply 1',
    ])
    expect(mirror.replicas.peer.dirty.count).toBe(1)
  })

  test('goes on at the peer when the local disk answers EIO, and the guest sees no error', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    mirror.apply({ on: 'done', side: 'peer', op: issue(asked, 'peer'), error: '' })
    expect(names(mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: 'EIO' }))).toEqual([
      'replica-failed',
      'propose peer',
    ])
    expect(names(mirror.apply({ on: 'claimed', members: { local: false, peer: true } }))).toEqual([
      'replica-left-claim',
      'reply 1',
    ])
    expect(names(mirror.apply({ on: 'request', id: 2, request: { kind: 'read', offset: 0, length: 3 } }))).toEqual(['peer read'])
  })

  test('is reissued when a peer that never missed one is back before the claim changed', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: '' })
    mirror.apply({ on: 'replica-down', side: 'peer', error: 'silent' })
    const back = mirror.apply({ on: 'replica-up', side: 'peer', identity: 'P', incarnation: 'p', sound: true })
    expect(names(back)).toEqual(['replica-present', 'peer write', 'propose local+peer'])
    expect(names(mirror.apply({ on: 'done', side: 'peer', op: issue(back, 'peer'), error: '' }))).toEqual(['reply 1'])
  })

  test('that overlaps one in flight waits for it on both sides', () => {
    const mirror = pair()
    const first = mirror.apply({ on: 'request', id: 1, request: write(0, 'aaaa') })
    expect(names(mirror.apply({ on: 'request', id: 2, request: write(2, 'bb') }))).toEqual([])
    mirror.apply({ on: 'done', side: 'local', op: issue(first, 'local'), error: '' })
    expect(names(mirror.apply({ on: 'done', side: 'peer', op: issue(first, 'peer'), error: '' }))).toEqual([
      'reply 1',
      'local write',
      'peer write',
    ])
  })

  test('gets the error of the last replica', () => {
    const mirror = new Mirror(SIZE, { local: true, peer: false })
    mirror.apply({ on: 'replica-up', side: 'local', identity: 'L', incarnation: 'l', sound: true })
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    expect(names(mirror.apply({ on: 'done', side: 'local', op: issue(asked, 'local'), error: 'EIO' }))).toEqual(['reply 1 EIO'])
  })
})

describe('the lease', () => {
  test('while it is not valid nothing starts and nothing is answered', () => {
    const mirror = pair()
    const asked = mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') })
    const read = mirror.apply({ on: 'request', id: 2, request: { kind: 'read', offset: 0, length: 1 } })
    mirror.apply({ on: 'lease', valid: false })
    for (const side of ['local', 'peer'] as const)
      expect(mirror.apply({ on: 'done', side, op: issue(asked, side), error: '' })).toEqual([])
    expect(mirror.apply({ on: 'done', side: 'local', op: issue(read, 'local'), error: '', data: Buffer.from('a') })).toEqual([])
    expect(mirror.apply({ on: 'request', id: 3, request: write(9, 'x') })).toEqual([])
    expect(names(mirror.apply({ on: 'lease', valid: true })).sort()).toEqual(['local write', 'peer write', 'reply 1', 'reply 2'])
  })
})

test('a listed peer that is met for the first time after a restart leaves the claim and is resynced whole', () => {
  const mirror = new Mirror(SIZE, { local: true, peer: true })
  expect(names(mirror.apply({ on: 'replica-up', side: 'peer', identity: 'P', incarnation: 'p', sound: true }))).toEqual([])
  expect(names(mirror.apply({ on: 'replica-up', side: 'local', identity: 'L', incarnation: 'l', sound: true }))).toEqual([
    'replica-present',
    'propose local',
  ])
  expect(names(mirror.apply({ on: 'claimed', members: { local: true, peer: false } }))).toEqual([
    'replica-left-claim',
    'resync-started',
    'local read',
  ])
  expect(mirror.replicas.peer.dirty.count).toBe(8)
})

test('with the local disk gone at the start, the listed peer serves', () => {
  const mirror = new Mirror(SIZE, { local: true, peer: true })
  mirror.apply({ on: 'replica-up', side: 'peer', identity: 'P', incarnation: 'p', sound: true })
  expect(names(mirror.apply({ on: 'replica-down', side: 'local', error: 'ENOENT' }))).toEqual(['replica-present', 'propose peer'])
})

test('a write that waited for a copy is not asked of the replica whose loss ended the copy', () => {
  const mirror = new Mirror(SIZE, { local: true, peer: false })
  mirror.apply({ on: 'replica-up', side: 'local', identity: 'L', incarnation: 'l', sound: true })
  expect(names(mirror.apply({ on: 'replica-up', side: 'peer', identity: 'P', incarnation: 'p', sound: false }))).toContain(
    'local read',
  )
  expect(names(mirror.apply({ on: 'request', id: 1, request: write(0, 'abc') }))).toEqual([])
  const lost = mirror.apply({ on: 'replica-down', side: 'peer', error: 'silent' })
  expect(names(lost)).toEqual(['local write', 'resync-interrupted'])
  expect(names(mirror.apply({ on: 'done', side: 'local', op: issue(lost, 'local'), error: '' }))).toEqual(['reply 1'])
})
