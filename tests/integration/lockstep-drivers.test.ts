import { mkdtempSync, rmSync } from 'node:fs'
import type { EpochOrder, EpochReport } from '../../lib/wire/peer-epochs'
import { until } from './guest-rig'
import { LockstepPair } from './lockstep-pair'

let folder = ''
let pair: LockstepPair | null = null
beforeEach(() => {
  folder = mkdtempSync('/dev/shm/holdfast-lockstep-')
})
afterEach(async () => {
  await pair?.end()
  pair = null
  rmSync(folder, { recursive: true })
})

type Frame = EpochOrder | EpochReport
const numbered = (text: string): readonly string[] => text.split('\n').slice(0, -1)

/** Goes wrong at the first such frame of this epoch, before it goes. */
const MOMENTS: readonly (readonly [string, (frame: Frame) => boolean])[] = [
  ['as it stands for epoch 6', (frame) => frame.type === 'epoch-cut' && frame.epoch === 6],
  ['amid the memory of epoch 6', (frame) => frame.type === 'epoch-part' && frame.epoch === 6 && frame.kind === 'memory'],
  ['before the devices of epoch 6', (frame) => frame.type === 'epoch-part' && frame.epoch === 6 && frame.kind === 'device'],
  ['before the end of epoch 6', (frame) => frame.type === 'epoch-end' && frame.epoch === 6],
  ['as epoch 6 is acknowledged', (frame) => frame.type === 'epoch-ack' && frame.epoch === 6],
  ['when the first epochs are through', (frame) => frame.type === 'epoch-cut' && frame.epoch === 2],
]

test.each(MOMENTS)('a primary that dies %s: the standby goes on from the last acknowledged epoch', async (_, isIt) => {
  const lockstep = new LockstepPair(folder, (frame) => {
    if (isIt(frame)) lockstep.die()
  })
  pair = lockstep
  await lockstep.machine.isUp()
  await lockstep.machine.saysMore(5)
  expect(await lockstep.primary.begin()).toBe('')
  await until('its death', () => lockstep.isDead)
  expect(lockstep.errors).toEqual([])
  expect(lockstep.news.map(({ what }) => what).filter((what) => !/keep/.test(what))).toEqual(['preparing', 'lockstep'])

  const { complete, state } = lockstep.standby
  expect(state).toBe('receiving')
  expect(complete).toBeGreaterThanOrEqual(lockstep.confirmed)
  const { out, confirmed } = lockstep
  expect(await lockstep.takeOver()).toMatchObject({ did: 'load', run: 77 })
  const { waiting } = lockstep
  await until('more numbers', () => (waiting?.heard().length ?? 0) > 20 * 9)

  // What left is what was said up to the newest epoch that was confirmed; the state that goes on explains it.
  expect(out).toBe(lockstep.said.get(confirmed))
  const before = lockstep.said.get(lockstep.standby.complete) ?? ''
  expect(before.startsWith(out)).toBe(true)
  const numbers = numbered(`${before}${waiting?.heard() ?? ''}`)
  expect(numbers).toEqual(numbers.map((__, n) => (n + 1).toString(16).padStart(8, '0').toUpperCase()))
  const { pauseMedianMs, pauseP99Ms, bytesPerEpoch, epochsConfirmed } = lockstep.primary.status
  process.stderr.write(
    `paused ${pauseMedianMs?.toFixed(1)} ms (p99 ${pauseP99Ms?.toFixed(1)}), ${bytesPerEpoch} bytes an epoch, ${epochsConfirmed} epochs\n`,
  )
})

test('a primary that dies amid its first copy: the guest is to be started from its disk', async () => {
  const lockstep = new LockstepPair(folder, (frame) => {
    if (frame.type === 'epoch-part') lockstep.die()
  })
  pair = lockstep
  await lockstep.machine.isUp()
  await lockstep.machine.saysMore(5)
  expect(await lockstep.primary.begin()).toBe('')
  await until('its death', () => lockstep.isDead)
  expect(await lockstep.takeOver()).toEqual({ did: 'restart' })
})

test('lockstep that is left lets the machine go on by itself, and can begin again', async () => {
  let begins = 0
  const lockstep = new LockstepPair(folder, (frame) => {
    if (frame.type === 'epoch-begin') begins++
  })
  pair = lockstep
  await lockstep.machine.isUp()
  for (let round = 1; round <= 2; round++) {
    await lockstep.machine.saysMore(5)
    await until('an end of the former run', () => lockstep.primary.life === 'alone')
    expect(await lockstep.primary.begin()).toBe('')
    await until('lockstep', () => lockstep.primary.life === 'lockstep')
    lockstep.primary.leave('the operator')
    await until('nothing of it', () => lockstep.primary.life === 'alone' && lockstep.standby.state === 'left')
    expect(begins).toBe(round)
  }
  await lockstep.machine.saysMore(5)
  expect(lockstep.errors).toEqual([])
})
