import { PEER_PROTOCOL } from '../../lib/wire/peer'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { connectPeer } from '../../lib/dom0/peer-link'
import { Dice } from '../world/prng'
import { QuietLog } from './quiet-log'
import { POOL } from './witness-process'
import { eventually } from './worker-host'
import { WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

const throwAt = (target: NetConnectOpts, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(target)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => resolve())
    // A server that waits for more is left alone after a moment; what it said is thrown away.
    socket.setTimeout(100, () => socket.destroy())
    socket.resume().end(bytes)
  })

test('seed 31: garbage on every socket, and a peer without the key: clear words, nothing changed', async () => {
  const pair = await WorkerPair.redundant()
  try {
    const dice = new Dice(31)
    const writer = await pair.writer(pair.a, 0, 31)
    writer.begin()
    await writer.more(10)
    const before = await pair.claim()
    const { addresses, port } = pair.addressOf(pair.b)
    const disk = join(pair.a.folder, `${pair.volume}.sock`)
    const targets: NetConnectOpts[] = [
      { path: join(pair.a.folder, 'control.sock') },
      { path: join(pair.b.folder, 'control.sock') },
      { path: disk },
      ...addresses.map((host) => ({ host, port })),
    ]
    const openings = [
      Buffer.alloc(0),
      Buffer.from('POST /v1/stop HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"a":'),
      Buffer.from('IHAVEOPT'),
    ]
    for (const target of targets) {
      for (const opening of openings) await throwAt(target, opening)
      for (let nth = 0; nth < 10; nth += 1) await throwAt(target, dice.bytes(dice.below(4000)))
    }
    const log = new QuietLog()
    const stranger = connectPeer({
      ...{ addresses, port, secret: { pool: POOL, key: Buffer.alloc(32, 1) }, log },
      hello: {
        protocol: PEER_PROTOCOL,
        pool: POOL,
        vm: pair.vm,
        host: pair.a.uuid,
        incarnation: 'i',
        term: 9,
        linkId: 9e15,
        volumes: [],
      },
      onRefused: () => log.warn('refused by name'),
      events: { up: () => log.warn('up'), frame: () => undefined, down: () => undefined },
    })
    await eventually('it is told no', () => Promise.resolve(log.lines.length > 1 ? true : null))
    await stranger.close('enough')
    expect(log.lines.filter((line) => !line.includes('cannot connect'))).toEqual([])
    expect(pair.b.log).toContain('a connection without the pool key was refused')
    await writer.more(10)
    await writer.stop()
    expect(writer.errors).toEqual([])
    expect(await pair.claim()).toEqual(before)
    expect(pair.a.acts('replica-failed')).toEqual([])
    expect((await pair.a.ask('status', {})).degraded).toBe('')
  } finally {
    await pair.close()
  }
})
