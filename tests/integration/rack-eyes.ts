/** What an outsider sees of a lab: its processes in the machine's /proc, and nothing else. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Lab } from '../../lib/lab/rack/lab'
import { isErrno } from '../../lib/lab/rack/process'

/** Command lines of processes that mention a lab's directory, or live in its namespaces (their /proc/PID/mounts name it). */
export function processesAbout(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => readOr(`/proc/${entry}/cmdline`).includes(text) || readOr(`/proc/${entry}/mounts`).includes(text))
    .map((entry) => `${entry}: ${readOr(`/proc/${entry}/cmdline`).split('\0').join(' ').slice(0, 200)}`)
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Gone meanwhile, a zombie, or another user's.
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'EPERM')) return ''
    throw error
  }
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += 20) {
    if (waitedMs > limitMs) throw new Error(`never: ${what}`)
    await pause(20)
  }
}

const CONNECT = `
const [host, port] = process.argv.slice(1)
const socket = require('net').connect({ host, port: Number(port) })
const limit = setTimeout(() => { console.log('silence'); process.exit() }, 1000)
socket.on('connect', () => { console.log('open'); process.exit() })
socket.on('error', (error) => { console.log(error.code); process.exit() })
`

/** 'answers' if a connection attempt from the place reaches the address (nobody listens there: it is refused). */
export async function reach(lab: Lab, from: string, address: string): Promise<'answers' | 'silence'> {
  const node = from.startsWith('h') ? '/opt/lab/bin/node' : process.execPath
  const { stdout, stderr } = await lab.exec(from, [node, '-e', CONNECT, address, '9'])
  const said = stdout.trim()
  if (said === 'ECONNREFUSED') return 'answers'
  if (said === 'silence' || said === 'EHOSTUNREACH') return 'silence'
  throw new Error(`${from} to ${address}: ${said} ${stderr}`)
}

const LISTEN = `
const [address] = process.argv.slice(1)
const socket = require('dgram').createSocket('udp4')
socket.bind(9, address, () => console.log('listens'))
socket.on('message', () => { console.log('heard'); process.exit() })
process.stdin.resume().on('end', () => process.exit())
`
const SEND = `
const [address] = process.argv.slice(1)
const socket = require('dgram').createSocket('udp4')
let sent = 0
const timer = setInterval(() => socket.send('x', 9, address, (error) => {
  if (error) throw error
  if (++sent === 20) { console.log('sent'); clearInterval(timer); socket.close() }
}), 25)
`

/** Twenty datagrams within half a second. */
export async function datagram(lab: Lab, from: string, to: string, address: string): Promise<'heard' | 'sent, not heard'> {
  const node = '/opt/lab/bin/node'
  const listener = await lab.spawnIn(to, [node, '-e', LISTEN, address], 'pipe')
  let said = ''
  listener.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise((resolve) => listener.once('exit', resolve))
  await until('somebody listens', () => said.includes('listens'))
  const { stdout, stderr } = await lab.exec(from, [node, '-e', SEND, address])
  if (stdout.trim() !== 'sent') throw new Error(`${from} to ${address}: ${stdout} ${stderr}`)
  listener.stdin?.end()
  await ended
  return said.includes('heard') ? 'heard' : 'sent, not heard'
}
