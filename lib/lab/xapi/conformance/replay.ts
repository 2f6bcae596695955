/** Plays a recording to a pool of the lab, at the recorded pace, and compares answer by answer. */
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { XeClient } from '../../xe/client'
import { loose } from '../call/incoming'
import { readValue, writeValue } from '../wire/xml-rpc'
import { escapeXml, parseXml } from '../wire/xml-tree'
import { differenceOf } from './compare'
import type { LoopbackPool } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Recording, Step } from './recording'
import { lengthened } from './recording'

export interface Verdict {
  readonly step: Step
  readonly is: 'same' | 'different' | 'not built' | 'not replayed'
  readonly why: string
}

/** Times were written to the millisecond; of calls that took longer than this it is known what was sent while they ran. */
const ROUNDING_S = 0.003
const BLOCKED_MS = 100
const FLOAT_S = 0.0001

export async function replay(recording: Recording, pool: LoopbackPool, names: Placeholders): Promise<Verdict[]> {
  const began = Date.now()
  const running: { until: number; verdict: Promise<Verdict> }[] = []
  const verdicts: Promise<Verdict>[] = []
  for (const step of recording.steps) {
    await delay(Math.max(0, began + step.t * 1000 - Date.now()))
    // What had been answered before this step was sent must have been answered here, too: its names are needed.
    for (const earlier of running.filter(({ until }) => until <= step.t)) await earlier.verdict
    const verdict = judge(step, pool, names)
    running.push({ until: step.t + step.ms / 1000 - (step.ms < BLOCKED_MS ? ROUNDING_S : FLOAT_S), verdict })
    verdicts.push(verdict)
  }
  return Promise.all(verdicts)
}

async function judge(step: Step, pool: LoopbackPool, names: Placeholders): Promise<Verdict> {
  const skip = (why: string): Verdict => ({ step, is: 'not replayed', why })
  const { members } = step
  if (/restarted$/u.test(step.name)) await restart(pool)
  if (!/^(?:json|xml)-rpc/u.test(step.transport)) return skip(step.transport)
  if (typeof members['method'] !== 'string' && typeof members['raw_request'] !== 'string') return skip('not a call')
  if ('exception' in members || 'http' in members) return skip('the recorder got no answer')
  const host = pool.hosts.find(({ name }) => name === step.host)
  if (host === undefined) return skip(`no host ${step.host}`)
  await newSessions(members['params'], host.socketPath, names)
  const filled = names.fill(lengthened(members['params'] ?? []))
  if (filled.unbound.length > 0) return skip(`never seen here: ${filled.unbound.join(' ')}`)
  const params = Array.isArray(filled.value) ? (filled.value as readonly unknown[]) : []
  const sent = bodyOf(step, params, names.fill(members['raw_request']).value)
  const reply = await post(host.address, pool.port, sent.path, sent.body)
  // Here the hosts' files lie in a folder; on a host they lie at the root.
  const text = pool.hosts.reduce((words, { root }) => words.replaceAll(root, ''), reply.text)
  return compare(step, { ...reply, text }, names)
}

/** The one thing done to the machines that is done here, too. */
async function restart(pool: LoopbackPool): Promise<void> {
  const [head] = pool.hosts
  if (head === undefined) return
  await pool.powerOff(head)
  await pool.powerOn(head)
}

/** Logins that were not recorded, such as the watcher's. */
async function newSessions(params: unknown, socketPath: string, names: Placeholders): Promise<void> {
  const wanted = names.fill(params).unbound.filter((name) => /^\$session/u.test(name))
  for (const name of wanted) {
    const client = new XeClient({ socketPath })
    names.bind(name, await client.login('root', ''))
  }
}

interface Reply {
  readonly status: number
  readonly text: string
}

function compare(step: Step, reply: Reply, names: Placeholders): Verdict {
  const recordedStatus = String(step.members['http_status']).split(' ')[1]
  if (recordedStatus !== String(reply.status)) {
    return { step, is: 'different', why: `HTTP ${recordedStatus ?? '?'} recorded, ours ${reply.status}` }
  }
  if (recordedStatus !== '200') return { step, is: 'same', why: '' }
  const ours = answerOf(reply.text)
  const isTrimmed = typeof step.members['note'] === 'string' && step.members['note'].includes('trimmed')
  const isLogin = String(step.members['method']).includes('login')
  const recorded = lengthened(step.members['response'])
  const why = differenceOf(
    { names, isTrimmed, isLogin },
    withoutId(typeof recorded === 'string' ? answerOf(recorded) : recorded),
    withoutId(ours),
  )
  if (why === undefined) return { step, is: 'same', why: '' }
  const isUnknown = JSON.stringify(ours).includes('MESSAGE_METHOD_UNKNOWN')
  return { step, is: isUnknown ? 'not built' : 'different', why }
}

/** The id of a JSON answer is the recorder's counter. */
function withoutId(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'id'))
}

/** XML answers in the form of JSON-RPC 1.0 ones. */
function answerOf(text: string): unknown {
  if (!text.startsWith('<')) return JSON.parse(text) as unknown
  const struct = readValue(parseXml(text).children[0]?.children[0]?.children[0])
  const { Status, Value, ErrorDescription } = { Status: '', Value: null, ErrorDescription: null, ...asObject(struct) }
  return Status === 'Success' ? { result: loose(Value), error: null } : { result: null, error: ErrorDescription }
}

const asObject = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {})

let lastId = 0

function bodyOf({ transport, members }: Step, params: readonly unknown[], raw: unknown): { path: string; body: string } {
  const isXml = transport === 'xml-rpc'
  const path = typeof members['path'] === 'string' ? members['path'] : isXml ? '/' : '/jsonrpc'
  if (typeof raw === 'string') return { path, body: raw }
  const method = String(members['method'])
  if (isXml) return { path, body: xmlCall(method, params) }
  const version = transport.endsWith('2.0') ? { jsonrpc: '2.0' } : {}
  return { path, body: JSON.stringify({ ...version, method, params, id: ++lastId }) }
}

function xmlCall(method: string, params: readonly unknown[]): string {
  const all = params.map((each) => `<param>${typedXml(each)}</param>`).join('')
  return `<?xml version="1.0"?><methodCall><methodName>${escapeXml(method)}</methodName><params>${all}</params></methodCall>`
}

/** As the recorder sent it: numbers as <i4>. */
function typedXml(value: unknown): string {
  if (typeof value === 'number') return `<value><i4>${value}</i4></value>`
  if (Array.isArray(value)) return `<value><array><data>${value.map(typedXml).join('')}</data></array></value>`
  if (typeof value !== 'object' || value === null) return writeValue(loose(value))
  const members = Object.entries(value).map(
    ([key, member]) => `<member><name>${escapeXml(key)}</name>${typedXml(member)}</member>`,
  )
  return `<value><struct>${members.join('')}</struct></value>`
}

function post(host: string, port: number, path: string, body: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path, method: 'POST', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
