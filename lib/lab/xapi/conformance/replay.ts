/** Plays a recording to a pool of the lab and compares answer by answer. */
import { setTimeout as delay } from 'node:timers/promises'
import { text } from '../../values'
import { XeClient } from '../../xe/client'
import type { NoReply, Reply } from './calls'
import { answerOf, bodyOf, post, withoutId } from './calls'
import { differenceOf } from './compare'
import { repeatDeed } from './deeds'
import { Hooks } from './hooks'
import type { LoopbackHost, LoopbackPool } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Recording, Step } from './recording'
import { kindOf, lengthened } from './recording'
import { Watchers } from './watchers'
import { xeDifference } from './xe-step'

export interface Verdict {
  readonly step: Step
  readonly is: 'same' | 'different' | 'not built'
  readonly why: string
}

/** Where a recording is replayed. `speed` 10 is ten times the recorded pace. */
export interface Stage {
  readonly pool: LoopbackPool
  readonly names: Placeholders
  readonly speed: number
}

/** Times were written to the millisecond; of calls that took longer than this it is known what was sent while they ran. */
const ROUNDING_S = 0.003
const BLOCKED_MS = 100
const FLOAT_S = 0.0001
/** A call whose recorded client got its answer is given up this much later than that. */
const PATIENCE_MS = 20_000
/** What the recorder waited for is waited for here, too. */
const AWAIT_MS = 3000
const POLL_MS = 25

/** Verdicts on the steps that have an answer; `onStep` hears of each as it is sent. */
export async function replay(recording: Recording, stage: Stage, onStep: () => void): Promise<Verdict[]> {
  const { pool, names, speed } = stage
  const hooks = new Hooks(pool, names)
  const watchers = await Watchers.start(recording, pool)
  const began = Date.now()
  const running: { until: number; verdict: Promise<Verdict> }[] = []
  const verdicts: Promise<Verdict>[] = []
  for (const [index, step] of recording.steps.entries()) {
    onStep()
    const kind = kindOf(step)
    if (kind === 'watch') continue
    await delay(Math.max(0, began + (step.t * 1000) / speed - Date.now()))
    // What had been answered before this step was sent must have been answered here, too: its names are needed.
    for (const earlier of running.filter(({ until }) => until <= step.t)) await earlier.verdict
    if (kind === 'deed') {
      hooks.install(step)
      await repeatDeed(step, pool)
      continue
    }
    await hooks.prepare(step, recording.steps.slice(index))
    const verdict = judgeAwaited(step, stage)
    running.push({ until: step.t + step.ms / 1000 - (step.ms < BLOCKED_MS ? ROUNDING_S : FLOAT_S), verdict })
    verdicts.push(verdict)
  }
  const judged = await Promise.all(verdicts)
  return [...judged, ...(await watchers.verdicts(names, methodsNotBuilt(judged)))]
}

/** Methods without their Async. */
const methodsNotBuilt = (verdicts: readonly Verdict[]): ReadonlySet<string> =>
  new Set(
    verdicts.filter(({ is }) => is === 'not built').map(({ step }) => String(step.members['method']).replace(/^Async\./u, '')),
  )

/** The recorder asked again and again until the answer was another one: so do we. */
async function judgeAwaited(step: Step, stage: Stage): Promise<Verdict> {
  const isAwaited = Object.keys(step.members).some((name) => name.startsWith('t_after_'))
  const end = Date.now() + (isAwaited ? AWAIT_MS : 0)
  for (;;) {
    const verdict = await judge(step, stage)
    if (verdict.is === 'same' || Date.now() > end) return verdict
    await delay(POLL_MS)
  }
}

async function judge(step: Step, stage: Stage): Promise<Verdict> {
  const { pool, names } = stage
  const { params, argv, raw_request: raw } = step.members
  const host = pool.hosts.find(({ name }) => name === step.host)
  if (host === undefined) return { step, is: 'different', why: `no host ${step.host}` }
  try {
    await learnUntold([params, argv], host.socketPath, names)
    const filled = names.fill(lengthened(params ?? argv ?? []))
    if (filled.unbound.length > 0) return { step, is: 'different', why: `never seen here: ${filled.unbound.join(' ')}` }
    const given = Array.isArray(filled.value) ? (filled.value as readonly unknown[]) : []
    if (kindOf(step) === 'xe') {
      const found = await xeDifference(step, given, host, pool, names)
      return verdictOn(step, found?.why, found?.isUnknown ?? false)
    }
    const sent = bodyOf(step, given, names.fill(raw).value)
    const target = { host: host.address, port: pool.port, path: sent.path }
    return compare(step, await post(target, sent.body, limitOf(step, stage)), stage)
  } catch (error) {
    return { step, is: 'different', why: `it could not be sent: ${String(error)}` }
  }
}

const verdictOn = (step: Step, why: string | undefined, isUnknown: boolean): Verdict => ({
  step,
  is: why === undefined ? 'same' : isUnknown ? 'not built' : 'different',
  why: why ?? '',
})

/** A recorded client that gave up is imitated; another one is given more time than it needed. */
const limitOf = ({ ms, members }: Step, { speed }: Stage): number => ms / speed + ('exception' in members ? 0 : PATIENCE_MS)

/** What the recorder did without recording it: logins, and asking for a machine's uuid. */
async function learnUntold(used: unknown, socketPath: string, names: Placeholders): Promise<void> {
  for (const name of new Set(names.fill(used).unbound)) {
    const client = new XeClient({ socketPath })
    if (name.startsWith('$session')) names.bind(name, await client.login('root', ''))
    const machine = names.fill(/^(\$vm\w)\.uuid$/u.exec(name)?.[1] ?? '$')
    if (machine.unbound.length > 0 || typeof machine.value !== 'string' || machine.value === '$') continue
    await client.login('root', '')
    names.bind(name, text(await client.call('VM.get_uuid', machine.value)))
    await client.logout()
  }
}

function compare(step: Step, reply: Reply | NoReply, { names, pool }: Stage): Verdict {
  const recorded = 'exception' in step.members ? 'no answer in time' : 'http' in step.members ? 'closed' : undefined
  if (typeof reply === 'string' || recorded !== undefined) {
    const ours = typeof reply === 'string' ? reply : 'an answer'
    const why = recorded === ours ? undefined : `recorded ${recorded ?? 'an answer'}, ours ${ours}`
    return verdictOn(step, why, typeof reply !== 'string' && isUnknownMethod(reply.text))
  }
  const status = String(step.members['http_status']).split(' ')[1]
  if (status !== String(reply.status)) return verdictOn(step, `HTTP ${status ?? '?'} recorded, ours ${reply.status}`, false)
  if (status !== '200') return verdictOn(step, undefined, false)
  const words = withoutRoots(reply.text, pool.hosts)
  const isTrimmed = typeof step.members['note'] === 'string' && step.members['note'].includes('trimmed')
  const isLogin = String(step.members['method']).includes('login')
  const answer = lengthened(step.members['response'])
  const why = differenceOf(
    { names, isTrimmed, isLogin },
    withoutId(typeof answer === 'string' ? answerOf(answer) : answer),
    withoutId(answerOf(words)),
  )
  return verdictOn(step, why, isUnknownMethod(words))
}

/** Here the hosts' files lie in a folder; on a host they lie at the root. */
const withoutRoots = (text: string, hosts: readonly LoopbackHost[]): string =>
  hosts.reduce((words, { root }) => words.replaceAll(root, ''), text)

const isUnknownMethod = (answer: string): boolean => answer.includes('MESSAGE_METHOD_UNKNOWN')
