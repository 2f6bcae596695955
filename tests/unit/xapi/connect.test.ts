import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { XapiObject, XapiPort } from '../../../lib/ports/xapi'
import { bundled } from './bundled'
import { fillSmallPool, UUID } from './small-pool'
import { Failure, SmallXapi } from './small-xapi'

const { connectXapi } = bundled()
const folder = mkdtempSync(join(tmpdir(), 'holdfast-xapi-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let xapi: SmallXapi
let port: XapiPort
let said: string[]
let changed = new Set<() => void>()
let serial = 0

const log = {
  debug: () => undefined,
  info: (text: string) => void said.push(text),
  warn: (text: string) => void said.push(text),
  error: (text: string) => void said.push(text),
}

/** Resolves at the first change of the port after which `holds`. */
function until(what: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (!holds()) return
      clearTimeout(timer)
      changed.delete(look)
      resolve()
    }
    const timer = setTimeout(() => reject(new Error(`never came: ${what}`)), 20_000)
    changed.add(look)
    look()
  })
}

const vmState = (): string | undefined => port.inventory()?.vms.find(({ uuid }) => uuid === UUID.vm)?.powerState

beforeEach(() => {
  said = []
  changed = new Set()
  serial += 1
  xapi = new SmallXapi(join(folder, `xapi${serial}`))
  fillSmallPool(xapi)
  port = connectXapi({ door: { socketPath: xapi.socketPath }, log })
  port.onChange(() => [...changed].forEach((look) => look()))
})
afterEach(async () => {
  await port.close()
  await xapi.stop()
})

const started = async (): Promise<void> => {
  await xapi.start()
  await until('a view', () => port.reachable)
}

test('waits for xapi, then shows the pool; says each once', async () => {
  await expect(port.call('VM.start', ['vm', false, false], { deadlineMs: 5000 })).rejects.toMatchObject({ kind: 'xapi-down' })
  expect(port.inventory()).toBeNull()
  await started()
  expect(port.inventory()?.vms.map(({ name }) => name)).toEqual(['orders'])
  expect(said).toEqual(['xapi does not answer, trying on', 'xapi answers'])
})

test('one session with our name; close logs out of it', async () => {
  await started()
  xapi.methods['VM.start'] = () => ''
  await Promise.all([1, 2, 3].map(() => port.call('VM.start', ['vm', false, false], { deadlineMs: 5000 })))
  expect(xapi.logins).toEqual(['["root","","1.0","holdfast"]'])
  await port.close()
  expect(xapi.sessions.size).toBe(0)
})

test('follows changes, creations and deletions', async () => {
  await started()
  xapi.set('vm', 'vm', { power_state: 'Running', resident_on: 'h2', domid: 3 })
  await until('running', () => vmState() === 'Running')
  expect(port.inventory()?.vms[0]?.residentOn).toBe(UUID.h2)
  xapi.remove('vm', 'vm')
  await until('gone', () => port.inventory()?.vms.length === 0)
})

test('a deletion that xapi forgot is found by the counts', async () => {
  await started()
  xapi.removeSilently('vm', 'vm')
  xapi.set('host', 'h1', { enabled: false })
  await until('gone', () => port.inventory()?.vms.length === 0)
})

test('a lost session is renewed and the call made again, also a write', async () => {
  await started()
  let starts = 0
  xapi.methods['VM.start'] = () => (starts += 1)
  xapi.dropSessions()
  const calls = [1, 2, 3, 4].map(() => port.call('VM.start', ['vm', false, false], { deadlineMs: 10_000 }))
  expect((await Promise.all(calls)).length).toBe(4)
  expect(starts).toBe(4)
})

test('after a new session the events start afresh: another database counts its own generations', async () => {
  await started()
  for (let change = 0; change < 20; change += 1) xapi.set('host', 'h1', { enabled: change % 2 === 0 })
  await until('disabled', () => port.inventory()?.hosts[0]?.enabled === false)
  xapi.restoreOlder()
  xapi.set('vm', 'vm', { power_state: 'Paused' })
  await until('paused', () => vmState() === 'Paused')
})

test('xapi restarts: unreachable with the old view, then reachable', async () => {
  await started()
  await xapi.stop()
  await until('unreachable', () => !port.reachable)
  expect(vmState()).toBe('Halted')
  xapi.sessions.clear()
  xapi.set('vm', 'vm', { power_state: 'Suspended' })
  await xapi.start()
  await until('reachable', () => port.reachable)
  expect(vmState()).toBe('Suspended')
})

test('objects are named by uuid, known to the view or not', async () => {
  await started()
  xapi.methods['VM.start_on'] = (params) => params.join(' ')
  const vm: XapiObject = { xapiClass: 'VM', uuid: UUID.vm }
  expect(await port.call('VM.start_on', [vm, { xapiClass: 'host', uuid: UUID.h2 }, false, false], { deadlineMs: 5000 })).toBe(
    'vm h2 false false',
  )
})

describe('failures', () => {
  beforeEach(started)

  test('a call that hangs ends at our deadline', async () => {
    xapi.hanging.add('VM.start')
    await expect(port.call('VM.start', ['vm'], { deadlineMs: 50 })).rejects.toMatchObject({
      kind: 'xapi-silent',
      code: 'DEADLINE',
    })
  })
  test('an error of XAPI keeps its code and parameters', async () => {
    xapi.methods['VM.start'] = () => {
      throw new Failure('VM_BAD_POWER_STATE', 'vm', 'halted', 'running')
    }
    await expect(port.call('VM.start', ['vm'], { deadlineMs: 5000 })).rejects.toMatchObject({
      kind: 'xapi-error',
      code: 'VM_BAD_POWER_STATE',
      params: ['vm', 'halted', 'running'],
    })
  })
  test('the answer of a xapi that is starting has another form', async () => {
    xapi.booting = true
    await expect(port.call('VM.start', ['vm'], { deadlineMs: 5000 })).rejects.toMatchObject({ code: 'HOST_STILL_BOOTING' })
  })
  test('a broken connection: a read is asked again, a write is not', async () => {
    xapi.cutting.set('VM.get_by_uuid', 2).set('VM.start', 1)
    expect(await port.call('VM.get_by_uuid', [UUID.vm], { deadlineMs: 10_000 })).toBe('vm')
    await expect(port.call('VM.start', ['vm'], { deadlineMs: 5000 })).rejects.toMatchObject({ kind: 'xapi-silent' })
    expect(xapi.calls.filter(({ method }) => method === 'VM.start').length).toBe(1)
  })
  test('HOST_IS_SLAVE names the coordinator', async () => {
    xapi.methods['VM.start'] = () => {
      throw new Failure('HOST_IS_SLAVE', '10.0.0.9')
    }
    await expect(port.call('VM.start', ['vm'], { deadlineMs: 5000 })).rejects.toMatchObject({
      kind: 'not-coordinator',
      params: ['10.0.0.9'],
    })
  })
})

test('local calls have a session of their own and work while the coordinator is silent', async () => {
  await started()
  xapi.hanging.add('session.login_with_password').add('event.from')
  xapi.methods['pool.emergency_transition_to_master'] = () => ''
  xapi.dropSessions()
  const ask = { deadlineMs: 5000, where: 'local' } as const
  await port.call('pool.emergency_transition_to_master', [], ask)
  xapi.dropSessions()
  await port.call('pool.emergency_transition_to_master', [], ask)
  expect(xapi.calls.filter(({ method }) => method === 'session.slave_local_login_with_password').length).toBe(2)
})
