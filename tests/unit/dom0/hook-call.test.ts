import { Refusal } from '../../../lib/core/domain/errors'
import type { Ask } from '../../../lib/dom0/api/daemon-client'
import { runHook } from '../../../lib/dom0/api/hook-call'

const VM = 'aaaaaaaa-0001-4000-8000-000000000001'
const HOST = 'bbbbbbbb-0001-4000-8000-000000000001'
const answering = (answer: () => Promise<unknown>): Ask => answer as Ask
const START = ['-vmuuid', VM, '-reason', 'none']
const ELSEWHERE = new Refusal('HOLDFAST_CLAIM_HELD_ELSEWHERE', { vm: VM, host: 'h1', holder: 'h2', term: 4 })

test.each([
  ['vm-pre-start', START, { hook: 'vm-pre-start', vm: VM, reason: 'none' }],
  [
    'vm-pre-shutdown',
    ['-vmuuid', VM, '-reason', 'clean-shutdown', '-vmdomid', '7'],
    { hook: 'vm-pre-shutdown', vm: VM, reason: 'clean-shutdown' },
  ],
  [
    'host-post-declare-dead',
    ['-hostuuid', HOST, '-reason', 'fenced'],
    { hook: 'host-post-declare-dead', host: HOST, reason: 'fenced' },
  ],
  ['pool-join', ['-reason', 'none'], { hook: 'pool-join', reason: 'none' }],
])('%s %j tells the daemon', async (hook, argv, body) => {
  const asked: unknown[] = []
  const ask = (fn: string, told: object): Promise<unknown> => {
    asked.push([fn, told])
    return Promise.resolve({ goOn: true, text: 'fine' })
  }
  expect(await runHook(hook, argv, ask as Ask)).toEqual({ exit: 0, text: '' })
  expect(asked).toEqual([['hook', body]])
})

test.each([
  ['the daemon says no', () => Promise.resolve({ goOn: false, text: 'not here' }), 'not here'],
  ['the daemon refuses', () => Promise.reject(ELSEWHERE), ELSEWHERE.message],
])('%s: a start is aborted, nothing else is', async (_name, answer, text) => {
  expect(await runHook('vm-pre-start', START, answering(answer))).toEqual({ exit: 2, text })
  for (const hook of ['vm-pre-shutdown', 'vm-post-migrate', 'vm-pre-suspend', 'host-pre-declare-dead', 'VM-PRE-START', '']) {
    expect(await runHook(hook, START, answering(answer))).toEqual({ exit: 1, text })
  }
})

test.each([
  ['down', new Refusal('HOLDFAST_DAEMON_UNREACHABLE', { reason: 'x' }), 0],
  ['hung', new Refusal('HOLDFAST_TIMED_OUT', { seconds: 3, reason: 'x' }), 0],
  ['of another opinion about hooks', new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'x' }), 1],
  ['broken', new TypeError('x'), 1],
])('a daemon that is %s blocks no VM', async (_name, error, exit) => {
  expect(
    await runHook(
      'vm-pre-start',
      START,
      answering(() => Promise.reject(error)),
    ),
  ).toMatchObject({ exit })
})
