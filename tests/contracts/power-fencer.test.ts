import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostUuid } from '../../lib/core/domain/ids'
import { IpmiPower, type IpmiSwitch } from '../../lib/dom0/fence/ipmi-power'
import { KeptLog } from './running-witness'
import { PASSWORD, RunningBmc } from './running-bmc'

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const STRANGER = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')

// What hangs is given its whole limit.
jest.setTimeout(60_000)

let bmc: RunningBmc
let log: KeptLog
beforeEach(async () => {
  bmc = await RunningBmc.start('on')
  log = new KeptLog()
})
afterEach(() => bmc.stop())

const fencer = (changes: Partial<IpmiSwitch> = {}, program?: string): IpmiPower =>
  new IpmiPower(new Map([[HOST, { ...bmc.switch, ...changes }]]), log, program)

/** In the place of ipmitool; keeps its process id and its arguments. */
function scripted(lines: string): string {
  const path = join(bmc.folder, 'scripted')
  const keeps = `echo $$ >${join(bmc.folder, 'pid')}\necho "$@" >${join(bmc.folder, 'argv')}\n`
  writeFileSync(path, `#!/bin/sh\n${keeps}${lines}\n`, { mode: 0o755 })
  return path
}

const kept = (name: string): string => readFileSync(join(bmc.folder, name), 'utf8')

test('a host that is on is told to be on, is switched off, and is told to be off', async () => {
  const power = fencer()
  expect(await power.status(HOST)).toBe('on')
  expect(await power.off(HOST)).toBe('asked')
  expect(bmc.power).toBe('off')
  expect(await power.status(HOST)).toBe('off')
  expect(await power.off(HOST)).toBe('asked')
  bmc.press('on')
  expect(await power.status(HOST)).toBe('on')
  expect(log.lines).toEqual([])
})

test('a host whose switch nobody has named is not known, and nothing is said of it', async () => {
  const power = fencer()
  expect([power.knows(HOST), power.knows(STRANGER)]).toEqual([true, false])
  expect([await power.status(STRANGER), await power.off(STRANGER)]).toEqual(['unknown', 'failed'])
})

test('with a wrong password nothing is done and nothing is known', async () => {
  const passwordFile = join(bmc.folder, 'wrong')
  writeFileSync(passwordFile, 'not it\n')
  const power = fencer({ passwordFile })
  expect([await power.status(HOST), await power.off(HOST), bmc.power]).toEqual(['unknown', 'failed', 'on'])
  expect(log.lines.join('\n')).toMatch(/session/)
})

test('without its password file nothing is known', async () => {
  expect(await fencer({ passwordFile: join(bmc.folder, 'missing') }).status(HOST)).toBe('unknown')
})

test('a controller that goes away in between leaves it unknown whether the host is off', async () => {
  const power = fencer()
  expect([await power.status(HOST), await power.off(HOST)]).toEqual(['on', 'asked'])
  await bmc.unplug()
  expect([await power.status(HOST), await power.off(HOST)]).toEqual(['unknown', 'failed'])
})

test('a controller that hangs leaves it unknown, and tells again when it goes on', async () => {
  const power = fencer()
  await bmc.freeze()
  expect(await power.status(HOST)).toBe('unknown')
  bmc.goOn()
  expect(await power.status(HOST)).toBe('on')
})

test('a tool that hangs is killed', async () => {
  expect(await fencer({}, scripted('exec sleep 600')).status(HOST)).toBe('unknown')
  expect(existsSync(`/proc/${kept('pid').trim()}`)).toBe(false)
  expect(log.lines.join('\n')).toContain('no answer within 5000 ms')
})

test('a tool that talks without end is not listened to', async () => {
  expect(await fencer({}, scripted('exec yes Chassis Power is off')).status(HOST)).toBe('unknown')
})

test.each([
  'Chassis Power is off\\nChassis Power is on\\n',
  'Chassis Power is off',
  'Chassis Power is offline\\n',
  'chassis power is off\\n',
  '',
])('only the exact words count, not %j', async (words) => {
  expect(await fencer({}, scripted(`printf '${words}'`)).status(HOST)).toBe('unknown')
})

test('words that end badly do not count', async () => {
  expect(await fencer({}, scripted("printf 'Chassis Power is off\\n'; exit 1")).status(HOST)).toBe('unknown')
})

test('the password is not among the arguments, and a missing tool is no answer', async () => {
  await fencer({}, scripted("printf 'Chassis Power is off\\n'")).status(HOST)
  expect(kept('argv')).toContain('chassis power status')
  expect(kept('argv')).not.toContain(PASSWORD)
  expect(await fencer({}, '/nonexistent/ipmitool').status(HOST)).toBe('unknown')
})

test('an address that is none is found at once', () => {
  expect(() => fencer({ address: 'a:b:c' })).toThrow('not host:port')
})
