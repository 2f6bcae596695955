import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import type { Heartbeat } from '../../../lib/core/domain/heartbeat'
import { hostUuid } from '../../../lib/core/domain/ids'
import { type Heartbeats, startHeartbeats } from '../../../lib/dom0/heartbeat/heartbeat-socket'
import { systemClock } from '../../../lib/dom0/system/system-clock'
import { encodeHeartbeat } from '../../../lib/wire/heartbeat'
import { until } from '../../contracts/raw-claims'
import { KEY, KeptLog, POOL } from '../../contracts/running-witness'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
/** One address per host and link: 127.7.<host>.<link>; the whole of 127/8 is ours. */
const address = (host: number, link: number) => `127.7.${host}.${link}`
const ROLE = { coordinator: false, xapiUp: true }

const running: Heartbeats[] = []
afterEach(() => {
  for (const each of running.splice(0)) each.close()
})

/** The same port on every address, free when asked for. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, address(1, 1), resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

function start(host: typeof A, port: number, changes: { key?: Buffer; pool?: string; links?: string[]; alsoTo?: string } = {}) {
  const [own, other] = host === A ? [1, 2] : [2, 1]
  const heard: Heartbeat[] = []
  const log = new KeptLog()
  const links = (changes.links ?? ['alink0', 'alink1']).map((name, index) => ({
    name,
    address: address(own, index + 1),
    peers: [address(other, index + 1), ...(changes.alsoTo === undefined ? [] : [changes.alsoTo])],
  }))
  running.push(
    startHeartbeats({
      ...{ pool: changes.pool ?? POOL, host, key: changes.key ?? KEY, incarnation: 7, links, log, port, everyMs: 10 },
      role: () => ROLE,
      received: (heartbeat) => heard.push(heartbeat),
    }),
  )
  return { heard, log }
}

test('two hosts hear each other on both links, each datagram on the link it names', async () => {
  const port = await freePort()
  const [one, two] = [start(A, port), start(B, port)]
  for (const { heard } of [one, two]) {
    await until(() => new Set(heard.map(({ link }) => link)).size === 2 && heard.length > 10, 'heartbeats on both links')
  }
  expect(one.heard[0]).toMatchObject({ pool: POOL, host: B, incarnation: 7, role: ROLE })
  const counters = one.heard.filter(({ link }) => link === 'alink0').map(({ counter }) => counter)
  expect(counters).toEqual([...counters].sort((first, second) => first - second))
})

test('each tells the other whom it hears, on which links, and how it is', async () => {
  const port = await freePort()
  const [one] = [start(A, port), start(B, port)]
  await until(() => one.heard.some(({ sender }) => sender?.hears[0]?.links === 6), 'both links in the word of the other host')
  const told = one.heard.at(-1)?.sender
  expect(told?.hears.map(({ host }) => host)).toEqual([A])
  expect(told?.hears[0]?.counter).toBeGreaterThan(0)
  const clocks = one.heard.flatMap(({ link, sender }) => (link === 'alink0' && sender !== null ? [sender.clockMs] : []))
  expect(clocks).toEqual([...clocks].sort((first, second) => first - second))
  expect(Math.abs((clocks.at(-1) ?? 0) - systemClock.nowMs())).toBeLessThan(60_000)
})

test('a host of an earlier version is spoken to in its own, and one of this version no more once it is known', async () => {
  const port = await freePort()
  const versions: number[] = []
  const old = createSocket('udp4')
  old.on('message', (datagram) => versions.push(datagram.readUInt8(4)))
  await new Promise<void>((resolve) => old.bind(port, address(2, 1), resolve))
  const one = start(A, port, { links: ['alink0'] })
  await until(() => versions.filter((version) => version === 1).length > 5, 'heartbeats of version 1')
  expect(versions).toContain(2)
  const heartbeat = { pool: POOL, host: B, incarnation: 3, counter: 1, link: 'alink0', role: ROLE }
  const tagOf = (signed: Buffer): Buffer => createHmac('sha256', KEY).update(signed).digest()
  const send = (sender: Heartbeat['sender']): void =>
    old.send(encodeHeartbeat({ ...heartbeat, sender }, tagOf), port, address(1, 1))
  send(null)
  await until(() => one.heard.length === 1, 'the old host')
  expect(one.heard[0]).toEqual({ ...heartbeat, sender: null })
  send({ clockMs: 1, worstLagMs: 2, hears: [] })
  await until(() => one.heard.length === 2, 'the new one')
  versions.length = 0
  await until(() => versions.length > 10, 'more heartbeats')
  old.close()
  // The first may have been on its way.
  expect(versions.slice(2).every((version) => version === 2)).toBe(true)
})

test.each<[string, Parameters<typeof start>[2]]>([
  ['another key', { key: Buffer.alloc(32, 1) }],
  ['another pool', { pool: '11111111-0000-4000-8000-000000000001' }],
  ['other names of the links', { links: ['alink1', 'alink0'] }],
])('a host with %s is not heard, and that is said', async (_, changes) => {
  const port = await freePort()
  const one = start(A, port)
  start(B, port, changes)
  await until(() => one.log.lines.some((line) => line.includes('no heartbeats of this pool')), 'a warning')
  expect(one.heard).toEqual([])
})

test('garbage and our own heartbeats coming back mean nothing', async () => {
  const port = await freePort()
  const one = start(A, port, { alsoTo: address(1, 1) })
  const stranger = createSocket('udp4')
  for (let length = 0; length < 300; length += 7) stranger.send(Buffer.alloc(length, 0x48), port, address(1, 1))
  await until(() => one.log.lines.some((line) => line.includes('no heartbeats of this pool')), 'a warning')
  stranger.close()
  start(B, port)
  await until(() => one.heard.length > 10, 'heartbeats of the other host')
  expect(one.heard.every(({ host }) => host === B)).toBe(true)
})

test('an address that this host does not have is said once, and tried again without holding up the other link', async () => {
  const port = await freePort()
  const log = new KeptLog()
  const heard: Heartbeat[] = []
  running.push(
    startHeartbeats({
      ...{ pool: POOL, host: A, key: KEY, incarnation: 1, log, port, everyMs: 10, role: () => ROLE },
      links: [
        { name: 'alink0', address: '192.0.2.1', peers: ['192.0.2.2'] },
        { name: 'alink1', address: address(1, 2), peers: [address(2, 2)] },
      ],
      received: (heartbeat) => heard.push(heartbeat),
    }),
  )
  start(B, port)
  await until(() => heard.length > 3, 'heartbeats on the other link')
  expect(heard.every(({ link }) => link === 'alink1')).toBe(true)
  expect(log.lines.filter((line) => line.includes('192.0.2.1'))).toHaveLength(1)
})
