import { readFileSync } from 'node:fs'
import { RunningEtcd } from '../contracts/running-etcd'
import { POOL } from './witness-process'
import { eventually } from './worker-host'
import { WorkerPair } from './worker-pair'

jest.setTimeout(180_000)

let etcd: RunningEtcd
let pair: WorkerPair
beforeAll(async () => {
  etcd = await RunningEtcd.start(3)
  const port = etcd.connect({ pool: POOL })
  pair = await WorkerPair.redundant(4000, { port, spec: { witness: etcd.address, witnessTls: etcd.tlsFiles } })
})
afterAll(async () => {
  await pair.close()
  await etcd.stop()
})

test('seed 51: the leader of three is killed while the guest writes; then the primary, and nothing acknowledged is lost', async () => {
  const writer = await pair.writer(pair.a, 0, 51)
  writer.begin()
  await writer.more(30)
  ;(await etcd.leader()).signal('SIGKILL')
  await writer.more(200)
  // Longer than a lease, so that it was renewed without the dead member.
  await eventually('two members agree on a leader', () =>
    etcd.leader().then(
      () => true,
      () => null,
    ),
  )
  const before = await pair.claim()
  const untilMs = performance.now() + 5000
  while (performance.now() < untilMs) await writer.more(10)
  expect(await pair.claim()).toEqual(before)
  expect(await pair.upToDate()).toHaveLength(2)
  expect((await pair.a.ask('status', {})).frozen).toBe(false)

  await pair.a.kill()
  const taken = await eventually('the claim is taken', async () => {
    const answer = await pair.b.ask('take-over', { reason: 'the test killed it' })
    return answer.taken ? answer : null
  })
  expect(taken.term).toBe(2)
  writer.check(readFileSync(pair.b.image))
})
