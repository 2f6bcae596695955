import type { LockstepSubject } from './subject'

export interface Requests {
  readonly perSecond: number
  readonly medianMs: number
  readonly p99Ms: number
}

/** Each connection asks, waits for the answer, and asks again. */
const REQUESTS = `
const [host, connections, warmMs, ms] = process.argv.slice(1)
const took = []
let from = Infinity
const open = () => {
  const socket = require('node:net').connect(6379, host)
  let asked = 0
  const ask = () => { asked = performance.now(); socket.write('INCR bench\\r\\n') }
  socket.setNoDelay(true)
  socket.on('connect', ask).on('error', (error) => { console.error(error.message); process.exit(1) })
  socket.on('data', () => { if (asked >= from) took.push(performance.now() - asked); ask() })
}
for (let n = 0; n < Number(connections); n++) open()
setTimeout(() => { from = performance.now() }, Number(warmMs))
setTimeout(() => {
  took.sort((one, other) => one - other)
  const at = (share) => took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? null
  console.log(JSON.stringify({ perSecond: took.length / Number(ms) * 1000, medianMs: at(0.5), p99Ms: at(0.99) }))
  process.exit()
}, Number(warmMs) + Number(ms))
`

/** One text, and how long it is until so many lines have answered it. */
const JOB = `
const [host, port, lines, ...words] = process.argv.slice(1)
let seen = 0, from = 0
const socket = require('node:net').connect(Number(port), host)
socket.on('connect', () => { from = performance.now(); socket.write(words.join(' ').replaceAll('|', '\\n') + '\\n') })
socket.on('error', (error) => { console.error(error.message); process.exit(1) })
socket.on('data', (data) => {
  for (const byte of data) if (byte === 10) seen++
  if (seen < Number(lines)) return
  console.log(JSON.stringify(performance.now() - from))
  process.exit()
})
`

/** Counts over one connection until its standard input ends, and says what the longest wait was. */
const COUNT = `
const socket = require('node:net').connect(6379, process.argv[1])
let last = performance.now(), gapMs = 0, count = 0, isInOrder = true, heard = ''
const ask = () => socket.write('INCR counted\\r\\n')
socket.setNoDelay(true)
socket.on('connect', ask).on('error', () => { isInOrder = false })
socket.on('data', (data) => {
  heard += data
  if (!heard.endsWith('\\r\\n')) return
  const now = performance.now(), n = Number(heard.trim().slice(1))
  heard = ''
  if (count > 0 && n !== count + 1) isInOrder = false
  count = n
  gapMs = Math.max(gapMs, now - last)
  last = now
  setTimeout(ask, 5)
})
process.stdin.resume().on('end', () => { console.log(JSON.stringify({ gapMs, count, isInOrder })); process.exit() })
`

const RECORDS_PORT = 7000
const RECORDS = 40
const REDIS_PORT = 6379

type Client = Pick<LockstepSubject, 'inClient' | 'address'>

export async function requests(on: Client, connections: number, ms: number): Promise<Requests> {
  const child = await on.inClient(REQUESTS, [on.address, String(connections), String(ms / 4), String(ms)])
  return JSON.parse(await said(child)) as Requests
}

/** Milliseconds that the guest takes for so many turns of a loop. */
export const cpuJob = (on: Client, turns: number): Promise<number> =>
  job(on, REDIS_PORT, 1, `EVAL "local x = 0 for i = 1, ${turns} do x = (x + i) % 7919 end return x" 0`)

/** Milliseconds for records that a program of the guest writes one after the other, each with fsync; asked for all at once. */
export const diskJob = (on: Client): Promise<number> =>
  job(on, RECORDS_PORT, RECORDS, Array.from({ length: RECORDS }, (_, n) => `write bench${n} text`).join('|'))

async function job(on: Client, port: number, lines: number, text: string): Promise<number> {
  const child = await on.inClient(JOB, [on.address, String(port), String(lines), text])
  return JSON.parse(await said(child)) as number
}

export interface Counted {
  readonly gapMs: number
  readonly count: number
  readonly isInOrder: boolean
}

/** Answers how to end it, and what it came to. */
export async function counting(on: Client): Promise<() => Promise<Counted>> {
  const child = await on.inClient(COUNT, [on.address])
  const whole = said(child)
  return async () => {
    child.stdin?.end()
    return JSON.parse(await whole) as Counted
  }
}

function said(child: Awaited<ReturnType<LockstepSubject['inClient']>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout?.on('data', (data: Buffer) => out.push(data))
    child.stderr?.on('data', (data: Buffer) => err.push(data))
    child.once('error', reject)
    child.once('close', (status) => {
      if (status === 0) resolve(Buffer.concat(out).toString())
      else reject(new Error(`a client ended with status ${status ?? 'unknown'}: ${Buffer.concat(err).toString()}`))
    })
  })
}
