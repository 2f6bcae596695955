import { must } from '../../../lib/core/domain/assert'
import { CopyRig } from './copy-rig'

test('what the guest changes after it was copied stays on record when the rest is clean', () => {
  const rig = new CopyRig(8)
  rig.up('local', [0, 1, 5])
  rig.holds = ({ side, request }) => side === 'peer' && request.kind === 'flush'
  rig.up('peer')
  const flush = must(rig.held[0], 'the copies are flushed')
  rig.holds = ({ side, request }) => side === 'peer' && request.kind === 'write'
  rig.write(1, 1, 7)
  rig.holds = () => false
  rig.release(flush)
  expect(rig.hints).toEqual([
    [
      { first: 0, last: 0 },
      { first: 5, last: 5 },
    ],
  ])
})

test('however many stretches are clean at once, each hint has at most 1024', () => {
  const rig = new CopyRig(12_000)
  const scattered = Array.from({ length: 6000 }, (_, n) => 2 * n)
  rig.up('local', scattered)
  rig.holds = ({ side, request }) => side === 'peer' && request.kind === 'flush'
  rig.up('peer')
  rig.holds = () => false
  while (rig.held.length > 0) rig.release(...rig.held)
  expect(rig.hints.length).toBeGreaterThan(5)
  expect(Math.max(...rig.hints.map((runs) => runs.length))).toBe(1024)
  expect(rig.hints.flat().map(({ first }) => first)).toEqual(scattered)
})

test('a write waits for the copy that is still under way on the replica that stays', () => {
  const rig = new CopyRig(4)
  rig.disks.local.fill(1)
  rig.up('local', [2])
  rig.holds = ({ side, request }) => side === 'peer' && request.kind === 'write'
  rig.up('peer')
  const copy = must(rig.held[0], 'block 2 is copied')
  rig.write(1, 2, 9)
  rig.apply({ on: 'replica-down', side: 'local', error: 'EIO' })
  rig.apply({ on: 'claimed', members: { local: false, peer: true } })
  expect(rig.held).toEqual([copy])
  rig.holds = () => false
  rig.release(copy)
  expect(rig.replies).toEqual(['1:'])
  expect([...rig.disks.peer]).toEqual([0, 0, 9, 0])
})

test('what only one side may have is not read while the claim still lists the other', () => {
  const rig = new CopyRig(4)
  rig.up('local', [2])
  rig.read(1, 0)
  rig.read(2, 2)
  expect(rig.replies).toEqual(['1:0'])
  rig.apply({ on: 'replica-down', side: 'peer', error: 'silent' })
  expect(rig.mirror.stalled).toBe(true)
  rig.apply({ on: 'claimed', members: { local: true, peer: false } })
  expect(rig.replies).toEqual(['1:0', '2:0'])
  expect(rig.mirror.stalled).toBe(false)
})

test('a mirror that becomes a mirror of one waits for nobody', () => {
  const rig = new CopyRig(4, { patient: true })
  rig.up('local')
  rig.apply({ on: 'claimed', members: { local: true, peer: false } })
  rig.apply({ on: 'tracked', tracked: false })
  rig.write(1, 0, 1)
  expect(rig.replies).toEqual(['1:'])
})

test('a block of which the reader itself is unsure is compared before it is read', () => {
  const rig = new CopyRig(4)
  rig.disks.local.fill(1)
  rig.disks.peer.fill(2)
  rig.apply({ on: 'replica-down', side: 'local', error: 'EBUSY' })
  rig.up('peer')
  rig.read(1, 0)
  expect(rig.replies).toEqual(['1:2'])
  rig.holds = ({ request }) => request.kind === 'hash'
  rig.up('local', [0, 1, 2, 3])
  rig.read(2, 0)
  expect(rig.replies).toEqual(['1:2'])
  rig.holds = () => false
  while (rig.held.length > 0) rig.release(...rig.held)
  expect(rig.replies).toEqual(['1:2', '2:2'])
  expect([...rig.disks.local]).toEqual([2, 2, 2, 2])
})
