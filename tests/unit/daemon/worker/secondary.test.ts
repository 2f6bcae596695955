import { readFileSync, rmSync } from 'node:fs'
import { takeOver } from '../../../../lib/daemon/worker/claim/take-over'
import { HANG_LIMIT_MS } from '../../../../lib/daemon/worker/seat'
import type { PeerFrame } from '../../../../lib/wire/peer'
import { A, B } from '../../../contracts/witness-port'
import { SecondaryScene, SIZE_BYTES, type TestLink, VOLUMES } from './secondary-scene'

jest.setTimeout(60_000)

const REOPEN_MS = 2000
let scene: SecondaryScene
const openScene = (): SecondaryScene => (scene = new SecondaryScene())
afterEach(() => scene.close())

const imageOf = (index: number): string => scene.spec.volumes[index]?.path ?? ''

describe('a replica is made only where the claim does not list one', () => {
  test('the first time, and then opened as it is', async () => {
    openScene()
    await scene.inStep()
    await scene.again()
    scene.replicas.openings.length = 0
    await scene.secondary.open()
    expect(scene.replicas.openings.map(({ create }) => create)).toEqual([false, false])
    expect(scene.secondary.isFit).toBe(true)
  })

  test('never while the witness is silent, or lists it; as soon as it does not, in place of one that is gone', async () => {
    openScene()
    const link = await scene.inStep()
    scene.witnessAnswers = false
    scene.replicas.fail('write', 'EIO')
    scene.write(link, 0, 2)
    await scene.until('it is told', () => link.sent.some(({ type }) => type === 'gone'))
    rmSync(imageOf(0))
    scene.replicas.openings.length = 0
    const reopened = async (create: boolean): Promise<void> => {
      const before = scene.replicas.openings.length
      const since = (): typeof scene.replicas.openings => scene.replicas.openings.slice(before)
      await scene.until('it is opened again', () => {
        scene.tick(REOPEN_MS)
        return since().some((opening) => opening.create === create)
      })
      expect(since().at(-1)).toEqual({ path: imageOf(0), create })
    }
    await reopened(false)
    scene.witnessAnswers = true
    await reopened(false)
    // What was begun before the witness answered learns nothing from it.
    await scene.until('the claim is known', () => {
      scene.tick(REOPEN_MS)
      return scene.secondary.claim.revision === 2
    })
    expect(scene.replicas.openings.some(({ create }) => create)).toBe(false)
    scene.list({ ...scene.listed, [VOLUMES[0] ?? '']: [A] })
    await reopened(true)
    await scene.until('it is offered', () => link.present.length === 3)
    expect(scene.secondary.replicaState(0)).toBe('inconsistent')
    // Told once, however often it was looked for.
    expect(scene.log.lines.filter((line) => line.includes('ENOENT'))).toHaveLength(1)
  })
})

test('a replica that is gone, and that nobody asked for anything since, is found before a claim is taken for its sake', async () => {
  openScene()
  await scene.inStep()
  scene.replicas.fail('save', 'ENODEV')
  expect(scene.secondary.isFit).toBe(true)
  await scene.secondary.look()
  expect(scene.secondary.isFit).toBe(false)
})

describe('closed', () => {
  test('it opens nothing more, and what was being opened is closed', async () => {
    openScene()
    const link = await scene.inStep()
    scene.replicas.fail('write', 'EIO')
    scene.write(link, 0, 2)
    await scene.until('it is told', () => link.sent.some(({ type }) => type === 'gone'))
    const letGo = scene.replicas.hold('openReplica')
    scene.replicas.openings.length = 0
    await scene.until('it is being opened', () => {
      scene.tick(REOPEN_MS)
      return scene.replicas.openings.length === 1
    })
    const closed = scene.secondary.close()
    scene.tick(10 * REOPEN_MS)
    letGo()
    await closed
    scene.tick(10 * REOPEN_MS)
    expect(scene.replicas.openings).toHaveLength(1)
    expect(scene.replicas.open).toBe(0)
  })
})

describe('a silent disk', () => {
  const pingOf = (id: number): PeerFrame => ({ type: 'ping', id, term: 1, guestActive: true })

  test('holds up a new link until it is given up, and then neither the link nor the other disk', async () => {
    openScene()
    const first = await scene.inStep()
    const letGo = scene.replicas.hold('write')
    scene.write(first, 0, 2)
    await scene.until('the disk is silent', () => scene.replicas.waiting === 1)
    scene.lose()
    const second = scene.link('a')
    scene.frame(second, pingOf(1))
    await scene.until('only the silent disk owes an answer', () => scene.replicas.underWay === 1)
    scene.tick(HANG_LIMIT_MS + 100)
    await scene.until('it is answered', () => second.sent.some(({ type }) => type === 'pong'))
    expect(second.present).toEqual([1])
    expect(second.sent.some((frame) => frame.type === 'gone' && frame.volume === 0)).toBe(true)
    expect(scene.secondary.isFit).toBe(false)
    letGo()
    await scene.until('it is back', () => {
      scene.tick(REOPEN_MS)
      return second.present.length === 2
    })
    expect(second.present).toEqual([1, 0])
  })

  test('that cannot be opened keeps nobody from the other one, and is offered when it comes', async () => {
    openScene()
    await scene.inStep()
    await scene.again()
    const letGo = scene.replicas.hold('openReplica')
    await scene.secondary.open()
    const link = scene.link('a')
    scene.frame(link, pingOf(1))
    await scene.until('it is answered', () => link.sent.some(({ type }) => type === 'pong'))
    expect(link.present).toEqual([])
    letGo()
    await scene.until('both are offered', () => link.present.length === 2)
  })
})

describe('the claim is not taken for a replica that is not what the claim takes it for', () => {
  const take = () => {
    scene.nowMs += 60_000
    return takeOver(scene.secondary, B, scene.parts)
  }

  test('one that failed, nor when it is open again, until the other one has been compared', async () => {
    openScene()
    const link = await scene.inStep()
    scene.replicas.fail('write', 'EIO')
    scene.write(link, 1, 2)
    await scene.until('it is told', () => link.sent.some(({ type }) => type === 'gone'))
    expect(await take()).toEqual({ taken: false, why: 'replica-failed' })
    scene.replicas.mend()
    await scene.until('it is back', () => {
      scene.tick(REOPEN_MS)
      return link.present.length === 3
    })
    expect(await take()).toEqual({ taken: false, why: 'replica-failed' })
    expect(scene.secondary.rules.sealed).toBe(false)
    expect(scene.stored.claim.holder).toBe(A)
    scene.frame(link, { type: 'mark', seq: 3, volume: 1, term: 1, mark: { bits: 'none' } })
    await scene.until('it was compared', () => scene.secondary.isFit)
    expect(await take()).toMatchObject({ taken: true, stored: { claim: { holder: B, term: 2 } } })
  })

  test('one that is new', async () => {
    openScene()
    await scene.secondary.open()
    scene.list(scene.listed)
    expect(await take()).toEqual({ taken: false, why: 'replica-failed' })
    expect(scene.stored.claim.holder).toBe(A)
  })
})

test.each<[string, (seq: number) => PeerFrame]>([
  ['a read of more than a frame carries', (seq) => ({ type: 'read', seq, volume: 0, offset: 0, term: 1, length: 0xffffffff })],
  ['a hash past the end', (seq) => ({ type: 'hash', seq, volume: 0, offset: SIZE_BYTES, term: 1, length: 65536 })],
  ['a write past the end', (seq) => ({ ...{ type: 'write', seq, volume: 0, offset: SIZE_BYTES - 1, term: 1 }, ...bytes(4096) })],
  ['a zero of everything', (seq) => ({ ...{ type: 'zero', seq, volume: 0, offset: 0, term: 1 }, ...zeroes(0xffffffff) })],
  ['another disk', (seq) => ({ type: 'flush', seq, volume: 2, term: 1 })],
])('%s closes the link, and harms nothing', async (_, frameOf) => {
  openScene()
  const link = await scene.inStep()
  const before = readFileSync(imageOf(0))
  scene.frame(link, frameOf(2))
  expect(link.closed).toBe('a request for what is not on the disk')
  scene.lose()
  const next = scene.link('a')
  scene.write(next, 0, 3)
  await scene.until('it is answered', () => next.sent.some((frame) => frame.type === 'done' && frame.error === ''))
  expect(readFileSync(imageOf(0)).subarray(4096).equals(before.subarray(4096))).toBe(true)
})

const bytes = (length: number) => ({ data: Buffer.alloc(length), fua: false })
const zeroes = (length: number) => ({ length, punch: false, fua: false })

describe('a claim that was handed over', () => {
  const handOver = async (): Promise<TestLink> => {
    const link = await scene.inStep()
    scene.frame(link, { type: 'ping', id: 1, term: 1, guestActive: false })
    await scene.until('it is promised', () => link.sent.some(({ type }) => type === 'pong'))
    scene.stored = { revision: 9, claim: { ...scene.stored.claim, term: 2, holder: B } }
    return link
  }

  test('is taken at once when its former holder says that it is spent: no time passes here', async () => {
    openScene()
    const link = await handOver()
    scene.frame(link, { type: 'spent', term: 1 })
    // Nothing of it is a promise any more, and it is not heard.
    scene.frame(link, { type: 'ping', id: 2, term: 1, guestActive: false })
    expect(link.sent.filter(({ type }) => type === 'pong')).toHaveLength(1)
    expect(await takeOver(scene.secondary, B, scene.parts)).toMatchObject({ taken: true, rule: 'held-already' })
  })

  test('is not while its former holder may still live on a promise', async () => {
    openScene()
    await handOver()
    expect(await takeOver(scene.secondary, B, scene.parts)).toEqual({ taken: false, why: 'holder-alive' })
    scene.nowMs += 60_000
    expect(await takeOver(scene.secondary, B, scene.parts)).toMatchObject({ taken: true, rule: 'held-already' })
  })
})

test('a frame of lockstep is told of and not answered where no standby is kept', async () => {
  openScene()
  const link = await scene.inStep()
  const answers = link.sent.length
  scene.frame(link, { type: 'epoch-begin', run: 7, memoryBytes: 4096, way: 'devices', term: 1 })
  expect(scene.log.lines).toEqual([expect.stringMatching(/no standby is kept here.*epoch-begin/)])
  expect(link.sent).toHaveLength(answers)
  expect(link.closed).toBeNull()
})
