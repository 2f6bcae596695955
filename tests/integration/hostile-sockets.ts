/** What a stranger, or a friend with a broken wire, may do to a socket. Runs inside a host of the lab. */
import type { Lab } from '../../lib/lab/rack/lab'

/** `unix:PATH`, `tcp:ADDRESS:PORT` or `udp:ADDRESS:PORT`. */
export type Target = `${'unix' | 'tcp' | 'udp'}:${string}`

/** What came of one attempt. */
export interface Attempt {
  readonly target: string
  readonly attack: string
  /** `closed`, `sent` (a datagram), `still open`, or the error's code. */
  readonly end: string
}

const SCRIPT = String.raw`
const net = require('net'), dgram = require('dgram')
const { seed, targets } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
let state = seed
const byte = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24)
const noise = (length) => Buffer.from(Array.from({ length }, byte))
const attacks = {
  nothing: () => Buffer.alloc(0),
  'one byte': () => noise(1),
  noise: () => noise(4096),
  'a lot of noise': () => noise(1 << 20),
  'a line without an end': () => Buffer.alloc(1 << 20, 'a'),
  'lines of noise': () => Buffer.from(noise(3000).toString('latin1').replace(/./g, (c) => c + '\n')),
  'a huge body promised': () => Buffer.from('POST /v1/status HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n{'),
  'a body that is no JSON': () => Buffer.from('POST /v1/status HTTP/1.1\r\nConnection: close\r\nContent-Length: 4\r\n\r\n{{{{'),
  'half a TLS hello': () => Buffer.from('16030100c8010000c40303', 'hex'),
  'an NBD client with a huge option': () => Buffer.from('0000000349484156454f505400000007ffffffff', 'hex'),
}
const OPEN_MS = 20000
function stream(target, attack, halfClose) {
  const [kind, ...rest] = target.split(':')
  return new Promise((resolve) => {
    const done = (end) => { clearTimeout(limit); socket.destroy(); resolve({ target, attack, end }) }
    const socket = net.connect(kind === 'unix' ? { path: rest[0] } : { host: rest[0], port: Number(rest[1]) })
    const limit = setTimeout(() => done('still open'), OPEN_MS)
    socket.on('connect', () => { socket.write(attacks[attack]()); if (halfClose) socket.end() })
    socket.on('data', () => {})
    socket.on('close', () => done('closed'))
    socket.on('error', (error) => done(['ECONNRESET', 'EPIPE'].includes(error.code) ? 'closed' : error.code))
  })
}
function datagrams(target) {
  const [, address, port] = target.split(':')
  const socket = dgram.createSocket('udp4')
  const sizes = [0, 1, 16, 100, 1400, 9000]
  return Promise.all(sizes.map((size) => new Promise((resolve) =>
    socket.send(noise(size), Number(port), address, (error) => resolve({ target, attack: size + ' bytes', end: error ? error.code : 'sent' })))))
    .finally(() => socket.close())
}
async function main() {
  // Connections that say nothing stay open all the time: nobody else may suffer from them.
  const idle = targets.filter((target) => !target.startsWith('udp')).flatMap((target) => Array.from({ length: 20 }, () => {
    const [kind, ...rest] = target.split(':')
    return net.connect(kind === 'unix' ? { path: rest[0] } : { host: rest[0], port: Number(rest[1]) }).on('error', () => {})
  }))
  const attempts = await Promise.all(targets.flatMap((target) =>
    target.startsWith('udp') ? [datagrams(target)] : Object.keys(attacks).map((attack) => stream(target, attack, true))))
  console.log(JSON.stringify(attempts.flat()))
  for (const socket of idle) socket.destroy()
}
main()
`

/** Tries everything on every target, twenty silent connections to each being open meanwhile. */
export async function attack(lab: Lab, from: string, seed: number, targets: readonly Target[]): Promise<readonly Attempt[]> {
  const node = from.startsWith('h') ? '/opt/lab/bin/node' : process.execPath
  const { stdout, stderr } = await lab.exec(from, [node, '-e', SCRIPT], JSON.stringify({ seed, targets }))
  if (stdout === '') throw new Error(`the attacker failed: ${stderr}`)
  return JSON.parse(stdout) as Attempt[]
}
