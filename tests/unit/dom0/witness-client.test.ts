import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { CLAIM_LIMITS } from '../../../lib/core/domain/claim-request'
import { connectWitness, type WitnessClient } from '../../../lib/dom0/witness/witness-client'
import { WitnessUnreachable } from '../../../lib/ports/witness'
import { CLAIMS_LINE_BYTES_MAX, encodeClaimsLine } from '../../../lib/wire/claims'
import { HELLO, RawHost, until } from '../../contracts/raw-claims'
import { KEY, KeptLog, POOL, RunningWitness } from '../../contracts/running-witness'
import { A, claimBy, freshVm } from '../../contracts/witness-port'
import { Dice } from '../../world/prng'

let witness: RunningWitness
const closing: (() => void)[] = []
beforeEach(async () => (witness = await RunningWitness.start()))
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await witness.stop()
})

async function serves(): Promise<void> {
  const client = witness.connect()
  expect(await client.read(freshVm())).toBeNull()
  client.close()
}
async function raw(): Promise<RawHost> {
  const host = await RawHost.connect(witness.port)
  closing.push(() => host.socket.destroy())
  return host
}
const cas = (id: number) =>
  encodeClaimsLine({ type: 'ask', id, ask: { op: 'cas', expected: 0, next: firstClaim, requireLeaseOver: false } })
const firstClaim = claimBy(A)

describe('the client', () => {
  const to = (address: string, changes: object = {}): WitnessClient => {
    const client = connectWitness({ address, pool: POOL, key: KEY, log: new KeptLog(), deadlineMs: 300, ...changes })
    closing.push(() => client.close())
    return client
  }

  test('with a wrong key, or for a pool the witness does not serve, gets no answer and says why', async () => {
    for (const change of [{ key: Buffer.alloc(32, 1) }, { pool: '11111111-0000-4000-8000-000000000001' }]) {
      const client = to(`127.0.0.1:${witness.port}`, { ...change, deadlineMs: 1000 })
      await expect(client.read(freshVm())).rejects.toBeInstanceOf(WitnessUnreachable)
      expect(client.reachable).toBe(false)
    }
    expect(witness.log.lines.join('\n')).toContain('without the key of its pool')
    await serves()
  })

  test('that ends before it has shown a key is not said to have a wrong one', async () => {
    const socket = connect(witness.port, '127.0.0.1', () => socket.end())
    socket.resume()
    await until(() => witness.log.lines.some((line) => line.includes('ended before it had shown a key')), 'the warning')
    expect(witness.log.lines.join('\n')).not.toContain('without the key of its pool')
    await serves()
  })

  test('gives up at its deadline where nobody listens, and connects when somebody does', async () => {
    const { port, directory } = witness
    const client = to(`127.0.0.1:${port}`)
    await until(() => client.reachable, 'the connection')
    await witness.stop({ keep: true })
    await expect(client.read(freshVm())).rejects.toMatchObject({ name: 'WitnessUnreachable' })
    await until(() => !client.reachable, 'noticing the loss')
    witness = await RunningWitness.start(port, directory)
    await until(() => client.reachable, 'a new connection')
    expect(await client.read(freshVm())).toBeNull()
  })

  test('takes no word of a witness that came in place of the one it knows', async () => {
    const { port } = witness
    const log = new KeptLog()
    const client = to(`127.0.0.1:${port}`, { log })
    expect(await client.read(freshVm())).toBeNull()
    await witness.stop()
    witness = await RunningWitness.start(port)
    await until(() => log.lines.join().includes('answers instead of'), 'the stranger being noticed')
    await expect(client.read(freshVm())).rejects.toBeInstanceOf(WitnessUnreachable)
    expect(client.reachable).toBe(false)
  })

  test('replaces a connection on which nothing ever comes', async () => {
    const accepted: Socket[] = []
    const hole: Server = createServer((socket) => accepted.push(socket))
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      for (const socket of accepted) socket.destroy()
      hole.close()
    })
    const client = to(`127.0.0.1:${(hole.address() as AddressInfo).port}`)
    await expect(client.read(freshVm())).rejects.toBeInstanceOf(WitnessUnreachable)
    await until(() => accepted.length >= 2, 'a second attempt')
    expect(client.reachable).toBe(false)
  })

  test('lets requests of a closed client fail, old and new ones', async () => {
    const client = to('127.0.0.1:1', { deadlineMs: 60_000 })
    const waiting = client.read(freshVm())
    client.close()
    await expect(waiting).rejects.toBeInstanceOf(WitnessUnreachable)
    await expect(client.read(freshVm())).rejects.toBeInstanceOf(WitnessUnreachable)
  })

  test('lists every claim of the pool, page after page', async () => {
    const client = witness.connect()
    const claims = Array.from({ length: CLAIM_LIMITS.listPage + 3 }, () => claimBy(A))
    for (let from = 0; from < claims.length; from += 50) {
      await Promise.all(claims.slice(from, from + 50).map((claim) => client.compareAndSwap(0, claim)))
    }
    expect((await client.list()).map(({ vm }) => vm)).toEqual(claims.map(({ vm }) => vm).sort())
  })
})

describe('one connection per client', () => {
  test('a new one ends the former, whose request either was made or never will be', async () => {
    const older = await raw()
    older.send(HELLO)
    await until(() => older.text.includes('hello'), 'the hello')
    const newer = await raw()
    newer.send(HELLO)
    await until(() => older.ended, 'the end of the older one')
    expect(older.text).toContain('A newer connection of the same client took its place.')
    newer.send(encodeClaimsLine({ type: 'ask', id: 1, ask: { op: 'ping' } }))
    await until(() => newer.text.includes('"id":1'), 'the answer on the newer one')
  })
  test('another name, another client', async () => {
    const older = await raw()
    older.send(HELLO)
    const other = await raw()
    other.send(HELLO.replace('"raw"', '"other"'))
    await until(() => other.text.includes('hello'), 'the hello')
    older.send(encodeClaimsLine({ type: 'ask', id: 1, ask: { op: 'ping' } }))
    await until(() => older.text.includes('"id":1'), 'the answer on the older one')
  })
})

describe('the witness refuses and goes on', () => {
  test.each<[string, string, RegExp]>([
    ['a line that is no JSON', 'hello\n', /not JSON/],
    ['a question before the hello', cas(1), /first line must be a hello/],
    ['a second hello', HELLO + HELLO, /a hello already/],
    ['another protocol', HELLO.replace('"protocol":1', '"protocol":2'), /speaks protocol 1, not 2/],
    ['another pool than that of the key', HELLO.replace(POOL, freshVm()), /names another pool/],
    [
      'too many questions at once',
      HELLO + Array.from({ length: 150 }, (_, id) => cas(id)).join(''),
      /wait for an answer already/,
    ],
  ])('%s', async (_, bytes, text) => {
    const host = await raw()
    host.send(bytes)
    await until(() => host.ended, 'the end')
    expect(host.text).toMatch(text)
    await serves()
  })

  test('a line that never ends', async () => {
    const host = await raw()
    host.send(HELLO)
    host.send(Buffer.alloc(CLAIMS_LINE_BYTES_MAX + 1, 0x20))
    await until(() => host.ended, 'the end')
    await serves()
  })

  test('seed 1: bytes that are no TLS', async () => {
    const dice = new Dice(1)
    for (let nth = 0; nth < 10; nth += 1) {
      const socket = connect(witness.port, '127.0.0.1')
      let ended = false
      socket.on('error', () => (ended = true)).on('close', () => (ended = true))
      socket.end(dice.bytes(1 + dice.below(2000)))
      socket.resume()
      await until(() => ended, 'the end')
    }
    await serves()
  })

  test('more connections than it has room for; there is room again when they end', async () => {
    const hosts: RawHost[] = []
    for (let nth = 0; nth < 25; nth += 1) hosts.push(await raw())
    await until(() => hosts.filter(({ ended }) => ended).length === 5, 'five refusals')
    for (const { socket } of hosts) socket.destroy()
    await serves()
    expect(witness.log.lines.join('\n')).toContain('there are too many')
  })
})
