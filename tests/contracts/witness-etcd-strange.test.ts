import { createServer, type Server } from 'node:http'
import { brokenCarry, brokenRule } from '../../lib/core/witness/rules'
import { connectEtcd } from '../../lib/dom0/etcd/etcd-witness'
import { systemClock } from '../../lib/dom0/system/system-clock'
import { WitnessUnreachable, type WitnessPort } from '../../lib/ports/witness'
import { KeptLog, POOL } from './running-witness'
import { claimBy, A } from './witness-port'

type Reply = { readonly status?: number; readonly body: string | Buffer } | 'hang-up' | 'silence'
const LOOK = `"${Buffer.from('holdfast').toString('base64')}"`

/** Somebody who answers at etcd's address. */
class Stranger {
  /** Looks of the port that nobody asked for are answered and not counted. */
  asked = 0
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async answering(reply: (nth: number) => Reply): Promise<Stranger> {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.once('end', () => {
        if (!body.includes(LOOK)) stranger.asked += 1
        const said = reply(stranger.asked)
        if (said === 'hang-up') request.socket.destroy()
        else if (said !== 'silence') response.writeHead(said.status ?? 200).end(said.body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const stranger = new Stranger(server, `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`)
    return stranger
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

async function stranger(reply: (nth: number) => Reply): Promise<Stranger> {
  const made = await Stranger.answering(reply)
  open.push(made)
  return made
}

function portTo(...endpoints: string[]): WitnessPort {
  const options = {
    tls: null,
    pool: POOL,
    client: 'me',
    clock: systemClock,
    log: new KeptLog(),
    brokenRule,
    brokenCarry,
    deadlineMs: 2000,
  }
  const port = connectEtcd({ endpoints, ...options })
  open.push(port)
  return port
}

const answer = (revision: number, cluster = '1', succeeded = true): { body: string } => ({
  body: JSON.stringify({ header: { cluster_id: cluster, revision: String(revision) }, succeeded }),
})

test.each<[string, (nth: number) => Reply]>([
  ['garbage', () => ({ body: '<html>' })],
  ['nothing', () => ({ body: '' })],
  ['JSON of something else', () => ({ body: '{"header":7}' })],
  ['an error', () => ({ status: 503, body: '{"error":"etcdserver: no leader","code":14,"message":"etcdserver: no leader"}' })],
  ['an error of a proxy', () => ({ status: 502, body: 'Bad Gateway' })],
  ['more than an answer can be', () => ({ body: Buffer.alloc(8 * 1024 * 1024, 'x') })],
  ['by hanging up', () => 'hang-up'],
  ['another cluster in the next answer', (nth) => answer(5, String(nth))],
  ['an earlier state in the next answer', (nth) => answer(100 - nth)],
  ['that a session just put is not there', (nth) => answer(nth, '1', nth % 2 === 1)],
])('whoever answers %s is no witness', async (_, reply) => {
  const port = portTo((await stranger(reply)).url)
  await expect(port.read(claimBy(A).vm)).rejects.toBeInstanceOf(WitnessUnreachable)
})

test('a lost change is not given to the next member; a question is', async () => {
  const revisions = { now: 10 }
  let losing = false
  const first = await stranger(() => (losing ? 'hang-up' : answer(revisions.now)))
  const second = await stranger(() => answer(revisions.now))
  const port = portTo(first.url, second.url)
  const claim = claimBy(A)
  expect(await port.read(claim.vm)).toBeNull()
  losing = true
  const before = second.asked
  await expect(port.renew(claim.vm, 1, A)).rejects.toBeInstanceOf(WitnessUnreachable)
  expect(second.asked).toBe(before)
  // The session is put anew at the second before anything else is answered.
  expect(await port.read(claim.vm)).toBeNull()
  expect(second.asked).toBe(before + 2)
})

test('a member that nobody listens for is passed over, also by a change', async () => {
  const dead = await stranger(() => 'silence')
  dead.close()
  const living = await stranger(() => answer(10))
  const port = portTo(dead.url, living.url)
  expect(await port.renew(claimBy(A).vm, 1, A)).toEqual({ renewed: true })
})

test('after it was closed it answers nothing', async () => {
  const silent = await stranger(() => 'silence')
  const port = portTo(silent.url)
  const asked = port.read(claimBy(A).vm)
  port.close()
  await expect(asked).rejects.toBeInstanceOf(WitnessUnreachable)
  await expect(port.read(claimBy(A).vm)).rejects.toBeInstanceOf(WitnessUnreachable)
})
