import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { HostWatchdog } from '../../../../lib/lab/rack/host-watchdog'
import { eventually } from '../../../integration/worker-host'

const LIMIT_MS = 400

let folder: string
let watchdog: HostWatchdog
let device: number
let resets: string[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-rack-watchdog-'))
  resets = []
  watchdog = await HostWatchdog.start(join(folder, 'device'), LIMIT_MS, (why) => resets.push(why))
  device = openSync(join(folder, 'device'), constants.O_WRONLY | constants.O_NONBLOCK)
})
afterEach(() => {
  watchdog.stop()
  closeSync(device)
  rmSync(folder, { recursive: true })
})

const reset = (): Promise<true> => eventually('a reset', () => Promise.resolve(resets.length > 0 || null))
const say = (text: string): void => void writeSync(device, text)

test('resets a host once when it falls silent, and never before it has said anything', async () => {
  await pause(2 * LIMIT_MS)
  expect(resets).toEqual([])
  say('\n')
  await reset()
  await pause(2 * LIMIT_MS)
  expect(resets).toEqual(['no sign of life for 0.4 s'])
})

test('is ended by its good-bye, and begun again by a sign of life', async () => {
  say('\n\nV')
  await pause(2 * LIMIT_MS)
  expect(resets).toEqual([])
  say('\n')
  await reset()
})

test('resets at once what asks for it', async () => {
  say('F')
  await reset()
  expect(resets).toEqual(['it asked for it'])
})
