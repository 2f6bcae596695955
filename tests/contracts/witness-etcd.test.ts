import type { StoredClaim } from '../../lib/core/domain/claim'
import { WitnessUnreachable, type WitnessPort } from '../../lib/ports/witness'
import { HeldRoad } from './held-road'
import { RunningEtcd } from './running-etcd'
import { PickyRoad } from './witness-etcd-road'
import { A, B, claimBy, witnessPortContract, type WitnessUnderTest } from './witness-port'
import { until } from './raw-claims'

jest.setTimeout(120_000)

let etcd: RunningEtcd
let ports: WitnessUnderTest
beforeAll(async () => {
  etcd = await RunningEtcd.start(3)
  const road = await HeldRoad.to(Number(new URL(etcd.members[0]?.http ?? '').port))
  const far = etcd.connect({ endpoints: [`http://127.0.0.1:${road.port}`], tls: null, deadlineMs: 3000 })
  ports = { mine: etcd.connect(), theirs: etcd.connect(), far, road }
})
afterAll(async () => {
  await etcd.stop()
  await ports.road.close()
})

witnessPortContract('etcd of three members', () => ports)

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Null: the witness did not answer. */
async function unlessUnreachable<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof WitnessUnreachable) return null
    throw error
  }
}

async function answered<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + 30_000
  for (;;) {
    const answer = await unlessUnreachable(ask())
    if (answer !== null) return answer
    if (performance.now() > giveUpAt) throw new Error('etcd does not answer')
  }
}

async function stored(port: WitnessPort, expected: number, next: StoredClaim['claim']): Promise<StoredClaim> {
  const answer = await port.compareAndSwap(expected, next)
  if (!answer.stored) throw new Error(`refused: ${answer.why}`)
  return { revision: answer.revision, claim: next }
}

describe('a change that arrives after its sender gave up', () => {
  let road: PickyRoad
  beforeEach(async () => (road = await PickyRoad.to(etcd.members[0]?.http ?? '')))
  afterEach(() => road.close())
  const overRoad = (client: string): WitnessPort =>
    etcd.connect({ endpoints: [`http://127.0.0.1:${road.port}`], tls: null, client, deadlineMs: 3000 })

  /** Whose change of `first` hangs on the road. */
  async function withLostChange(client: string): Promise<{ port: WitnessPort; first: StoredClaim }> {
    const port = overRoad(client)
    const first = await stored(port, 0, claimBy(A))
    road.holdNext('request_put')
    const lost = port.compareAndSwap(first.revision, { ...first.claim, leaseMs: 50_000 })
    await expect(lost).rejects.toBeInstanceOf(WitnessUnreachable)
    expect(road.isHolding).toBe(true)
    return { port, first }
  }

  async function arrives(): Promise<void> {
    road.release()
    await until(() => road.answers.includes('"header"'), 'an answer to the held change')
    expect(road.answers).not.toContain('"succeeded":true')
  }

  test('is not made once its sender has read', async () => {
    const { port, first } = await withLostChange('reader')
    expect(await port.read(first.claim.vm)).toEqual(first)
    await arrives()
    expect(await port.read(first.claim.vm)).toEqual(first)
  })

  test('is not made once its sender was refused something else', async () => {
    const { port, first } = await withLostChange('refused')
    const answer = await port.compareAndSwap(first.revision + 1, first.claim)
    expect(answer).toMatchObject({ stored: false, why: 'revision', current: first })
    await arrives()
    expect(await port.read(first.claim.vm)).toEqual(first)
  })

  test('is not made once the next life of its sender has read', async () => {
    const { first } = await withLostChange('restarted')
    const next = etcd.connect({ client: 'restarted' })
    expect(await next.read(first.claim.vm)).toEqual(first)
    await arrives()
    expect(await next.read(first.claim.vm)).toEqual(first)
  })

  test('is made when it arrives first, and the next read sees it', async () => {
    const { port, first } = await withLostChange('late')
    road.release()
    await until(() => road.answers.includes('"succeeded":true'), 'the held change to be made')
    expect((await port.read(first.claim.vm))?.claim.leaseMs).toBe(50_000)
  })

  test('does not make an answer stale that was under way when it was lost', async () => {
    const port = overRoad('double')
    const first = await stored(port, 0, claimBy(A))
    road.holdNext('request_put')
    const reads: { at: number; found: StoredClaim | null }[] = []
    let lostAt = Infinity
    const lost = unlessUnreachable(port.compareAndSwap(first.revision, { ...first.claim, leaseMs: 50_000 })).then((answer) => {
      expect(answer).toBeNull()
      lostAt = reads.length
      road.release()
    })
    while (reads.length < lostAt + 5) {
      const found = await port.read(first.claim.vm)
      reads.push({ at: reads.length, found })
    }
    await lost
    const last = await port.read(first.claim.vm)
    for (const { at, found } of reads) if (at >= lostAt) expect({ at, found }).toEqual({ at, found: last })
  })
})

test('a take-over that arrives after a renewal is not made', async () => {
  const road = await PickyRoad.to(etcd.members[0]?.http ?? '')
  try {
    const [mine, theirs] = [etcd.connect(), etcd.connect({ endpoints: [`http://127.0.0.1:${road.port}`], tls: null })]
    const first = await stored(mine, 0, claimBy(A, { leaseMs: 100 }))
    const take = () => theirs.compareAndSwap(first.revision, { ...first.claim, term: 2, holder: B }, { requireLeaseOver: true })
    const early = await take()
    if (early.stored) throw new Error('taken under a running lease')
    await pause(early.leaseLeftMs)
    road.holdNext('request_put')
    const late = take()
    await until(() => road.isHolding, 'the take-over to be on its way')
    expect(await mine.renew(first.claim.vm, 1, A)).toEqual({ renewed: true })
    road.release()
    expect(await late).toMatchObject({ stored: false, why: 'lease', current: first })
  } finally {
    await road.close()
  }
})

test('of two processes with one name the newer counts, and the older is not lied to', async () => {
  const older = etcd.connect({ client: 'twin' })
  const first = await stored(older, 0, claimBy(A))
  const newer = etcd.connect({ client: 'twin' })
  const second = await stored(newer, first.revision, { ...first.claim, leaseMs: 50_000 })
  expect(await older.read(first.claim.vm)).toEqual(second)
  expect(await newer.renew(first.claim.vm, 1, A)).toEqual({ renewed: true })
})

test('without a certificate of the cluster nobody is served', async () => {
  const stranger = etcd.connect({ tls: { ...etcd.tls, cert: '', key: '' }, deadlineMs: 3000 })
  await expect(stranger.read(claimBy(A).vm)).rejects.toBeInstanceOf(WitnessUnreachable)
})

test('the leader stands still under renewals: nobody takes a claim that its holder believes in', async () => {
  const leaseMs = 4000
  const { mine, theirs } = { mine: etcd.connect({ deadlineMs: 400 }), theirs: etcd.connect({ deadlineMs: 400 }) }
  const askedAt = performance.now()
  const first = await stored(mine, 0, claimBy(A, { leaseMs }))
  const { vm } = first.claim
  const second = { ...first.claim, term: 2, holder: B, leaseMs: 60_000 }
  let leaseUntil = askedAt + leaseMs
  let renewals = 0
  /** When the taker knew. */
  const taken: number[] = []
  const silence = new AbortController()
  const holding = (async () => {
    while (!silence.signal.aborted && taken.length === 0) {
      const at = performance.now()
      const answer = await unlessUnreachable(mine.renew(vm, 1, A))
      if (answer?.renewed === true) {
        leaseUntil = at + leaseMs
        renewals += 1
      }
      await pause(100)
    }
  })()
  const taking = (async () => {
    while (taken.length === 0) {
      const answer = await unlessUnreachable(theirs.compareAndSwap(first.revision, second, { requireLeaseOver: true }))
      // A lost swap may have been a yes: then the next answer shows it.
      if (answer !== null && (answer.stored || answer.current?.claim.term === 2)) taken.push(performance.now())
      await pause(50)
    }
  })()
  await until(() => renewals >= 5 || taken.length > 0, 'renewals')
  const leader = await etcd.leader()
  leader.signal('SIGSTOP')
  try {
    const before = renewals
    await until(() => renewals >= before + 10 || taken.length > 0, 'renewals under another leader')
    silence.abort()
    await holding
    await taking
    expect(taken[0]).toBeGreaterThanOrEqual(leaseUntil)
  } finally {
    leader.signal('SIGCONT')
  }
  expect(await answered(() => mine.renew(vm, 1, A))).toMatchObject({ renewed: false, current: { claim: second } })
  const atOldLeader = etcd.connect({ endpoints: [leader.https] })
  expect((await answered(() => atOldLeader.read(vm)))?.claim).toEqual(second)
})

test('one member of three is killed: nothing that was answered is lost, and changes go on', async () => {
  const [first] = etcd.members
  const port = etcd.connect({ deadlineMs: 2000 })
  let kept = await stored(port, 0, claimBy(A))
  const { vm } = kept.claim
  const change = async (): Promise<void> => {
    const next = { ...kept.claim, leaseMs: kept.claim.leaseMs + 1 }
    const answer = await unlessUnreachable(port.compareAndSwap(kept.revision, next))
    if (answer?.stored === true) kept = { revision: answer.revision, claim: next }
    else {
      const found = await answered(() => port.read(vm))
      expect([kept.claim.leaseMs, next.leaseMs]).toContain(found?.claim.leaseMs)
      if (found !== null) kept = found
    }
  }
  for (let nth = 0; nth < 5; nth += 1) await change()
  const changes = (async () => {
    for (let nth = 0; nth < 40; nth += 1) await change()
  })()
  first?.signal('SIGKILL')
  await first?.ended
  await changes
  expect(await answered(() => port.renew(vm, 1, A))).toEqual({ renewed: true })
  expect(await answered(() => port.read(vm))).toEqual(kept)
  expect(kept.claim.leaseMs).toBeGreaterThan(60_010)
  expect(port.reachable).toBe(true)
})
