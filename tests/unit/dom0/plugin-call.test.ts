import { Refusal } from '../../../lib/core/domain/errors'
import type { Ask } from '../../../lib/dom0/api/daemon-client'
import { answerPluginCall, PLUGIN_FUNCTIONS } from '../../../lib/dom0/api/plugin-call'
import { failureResponse, successResponse } from '../../../lib/dom0/api/plugin-xml'

const call = (fn: string, args: Record<string, string> = {}): string => {
  const members = Object.entries(args).map(([name, value]) => `<member><name>${name}</name><value>${value}</value></member>`)
  const params = `<param><value>OpaqueRef:1</value></param><param><value><struct>${members.join('')}</struct></value></param>`
  return `<methodCall><methodName>${fn}</methodName><params>${params}</params></methodCall>`
}

interface Asked {
  readonly fn: string
  readonly body: object
  readonly limitMs: number | undefined
}

/** What the plug-in asks a daemon that answers every question with `answer`. */
function daemon(answer: () => Promise<unknown>): { ask: Ask; asked: Asked[] } {
  const asked: Asked[] = []
  const ask = (fn: string, body: object, limitMs?: number): Promise<unknown> => {
    asked.push({ fn, body, limitMs })
    return answer()
  }
  return { ask: ask as Ask, asked }
}

const badRequest = (reason: string): string =>
  failureResponse([
    'HOLDFAST_BAD_REQUEST',
    'The request was not understood.',
    reason,
    'See docs/reference/plugin.md for the functions and their arguments.',
  ])

test.each([
  ['version', {}, {}],
  ['status', {}, {}],
  ['status', { vm: 'u' }, { vm: 'u' }],
  ['plan', { vm: 'u', level: 'restart' }, { vm: 'u', level: 'restart' }],
  ['protect', { vm: 'u', level: 'redirect' }, { vm: 'u', level: 'redirect' }],
  ['unprotect', { vm: 'u' }, { vm: 'u' }],
  ['timeline', { limit: '20' }, { limit: 20 }],
])('%s %j is passed on, and the answer is JSON text', async (fn, args, body) => {
  const { ask, asked } = daemon(() => Promise.resolve({ answer: [fn, '<&>'] }))
  expect(await answerPluginCall([call(fn, args)], ask)).toBe(successResponse(`{"answer":["${fn}","<&>"]}`))
  expect(asked).toEqual([{ fn, body, limitMs: 30_000 }])
})

test('the time limit can be chosen, within limits', async () => {
  const { ask, asked } = daemon(() => Promise.resolve(null))
  await answerPluginCall([call('version', { timeout: '300' })], ask)
  expect(asked).toEqual([{ fn: 'version', body: {}, limitMs: 300_000 }])
  for (const timeout of ['0', '3001']) {
    expect(await answerPluginCall([call('version', { timeout })], ask)).toBe(
      badRequest('Argument "timeout" must be between 1 and 3000 seconds.'),
    )
  }
})

test.each([
  ['plan', { vm: 'u' }, 'Argument "level" is missing.'],
  ['protect', { vm: '', level: 'restart' }, 'Argument "vm" is empty.'],
  ['unprotect', {}, 'Argument "vm" is missing.'],
  ['version', { vm: 'u' }, 'There is no argument "vm".'],
  ['timeline', { limit: 'ten' }, 'Argument "limit" must be a whole number of at least 0.'],
  ['timeline', { limit: '-1' }, 'Argument "limit" must be a whole number of at least 0.'],
])('%s %j is refused without asking the daemon', async (fn, args, reason) => {
  const { ask, asked } = daemon(() => Promise.resolve(null))
  expect(await answerPluginCall([call(fn, args)], ask)).toBe(badRequest(reason))
  expect(asked).toEqual([])
})

test('an unknown function is named, also one that the daemon has for others', async () => {
  const { ask, asked } = daemon(() => Promise.resolve(null))
  for (const fn of ['nosuch', 'sr-destroy', 'hook', 'toString', '']) {
    expect(await answerPluginCall([call(fn)], ask)).toBe(failureResponse(['UNKNOWN_XENAPI_PLUGIN_FUNCTION', fn]))
  }
  expect(asked).toEqual([])
  expect(PLUGIN_FUNCTIONS).toHaveLength(9)
})

test('a refusal becomes an API error with its code and three sentences', async () => {
  const { ask } = daemon(() => Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm: 'u' })))
  expect(await answerPluginCall([call('unprotect', { vm: 'u' })], ask)).toBe(
    failureResponse(['HOLDFAST_NOT_PROTECTED', 'VM u is not protected.', 'No claim exists for it.', 'Nothing needs to be done.']),
  )
})

test('anything unexpected is reported as the Python helper does', async () => {
  const { ask } = daemon(() => Promise.reject(new TypeError('x is undefined')))
  expect(await answerPluginCall([call('status')], ask)).toBe(
    failureResponse(['XENAPI_PLUGIN_FAILURE', 'status', 'TypeError', 'x is undefined']),
  )
})

test('not exactly one argument', async () => {
  const { ask } = daemon(() => Promise.resolve(null))
  expect(await answerPluginCall([], ask)).toBe(badRequest('The plug-in was run with 0 arguments instead of 1.'))
  expect(await answerPluginCall([call('status'), 'x'], ask)).toBe(
    badRequest('The plug-in was run with 2 arguments instead of 1.'),
  )
})
