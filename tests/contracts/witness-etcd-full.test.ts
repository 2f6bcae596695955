import { RunningEtcd } from './running-etcd'
import { A, claimBy } from './witness-port'
import { WitnessUnreachable } from '../../lib/ports/witness'

jest.setTimeout(120_000)

let etcd: RunningEtcd
beforeAll(async () => (etcd = await RunningEtcd.start(1, ['--quota-backend-bytes', String(1024 * 1024)])))
afterAll(() => etcd.stop())

/** Somebody else's data, until the cluster takes no more. */
async function fill(): Promise<void> {
  const value = Buffer.alloc(100_000, 'x').toString('base64')
  for (let nth = 0; nth < 100; nth += 1) {
    const key = Buffer.from(`other/${nth}`).toString('base64')
    const answer = await fetch(`${etcd.members[0]?.http ?? ''}/v3/kv/put`, {
      method: 'POST',
      body: JSON.stringify({ key, value }),
    })
    if (!answer.ok) return
    await answer.text()
  }
  throw new Error('it takes everything')
}

test('when the quota is used up a change is refused by name, a renewal is not answered, and what is stored is read', async () => {
  const port = etcd.connect()
  const claim = claimBy(A)
  const first = await port.compareAndSwap(0, claim)
  if (!first.stored) throw new Error(first.why)
  const stored = { revision: first.revision, claim }
  await fill()
  const changed = { ...claim, leaseMs: 70_000 }
  expect(await port.compareAndSwap(first.revision, changed)).toMatchObject({ stored: false, why: 'full', current: stored })
  await expect(port.renew(claim.vm, 1, A)).rejects.toBeInstanceOf(WitnessUnreachable)
  expect(await port.read(claim.vm)).toEqual(stored)
  expect(await port.remove(stored)).toMatchObject({ stored: true })
  expect(await port.read(claim.vm)).toBeNull()
})
