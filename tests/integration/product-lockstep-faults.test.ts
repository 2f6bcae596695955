/** What docs/failure-model.md says of a VM in lockstep, one part after another, over one connection of its client. */
import { setTimeout as pause } from 'node:timers/promises'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { monotonicMs } from '../../lib/lab/client/record'
import { until } from '../../lib/lab/demo/stage'
import type { CutFault, Fault } from '../../lib/lab/faults/fault'
import { protectInLockstep, untilLockstep } from '../../lib/lab/lockstep/scene'
import { LockstepStand } from './lockstep-stand'

jest.setTimeout(400_000)

const LIMIT_MS = 120_000

let stand: LockstepStand
beforeAll(async () => {
  stand = await LockstepStand.open()
})
afterAll(() => stand.close())

const cut = (host: string, other: string, link: CutFault['link']): Fault => ({
  ...{ kind: 'cut', host, other, link, direction: 'both' },
})

const kill = (host: string, process: string | number): Promise<string> =>
  stand.scene.lab.fault({ kind: 'process', host, process, how: 'kill' })

/** Breaks something; lockstep is left, the guest goes on where it is, and lockstep comes back. @returns why it was left */
async function leftAndBack(
  breaks: () => Promise<unknown>,
  mends: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string> {
  const { primary } = await stand.places()
  const since = Date.now()
  await breaks()
  await stand.countsOn()
  await mends()
  const acts = (): Promise<readonly TimelineEntry[]> => stand.acts(primary, since)
  try {
    await until('lockstep was left, and entered again', LIMIT_MS, async () => {
      stand.scene.look()
      const names = (await acts()).map(({ act }) => act)
      return names.includes('lockstep-left') && names.lastIndexOf('lockstep-entered') > names.indexOf('lockstep-left')
    })
  } catch (error) {
    throw new Error(`${String(error)}: ${(await acts()).map(({ act, text }) => `${act}: ${text}`).join('\n')}`, { cause: error })
  }
  const why = (await acts()).find(({ act }) => act === 'lockstep-left')?.text ?? ''
  await stand.again(primary)
  expect((await stand.places()).primary).toBe(primary)
  return why
}

/** Breaks something that lockstep does not notice. */
async function unmoved(breaks: () => Promise<unknown>, mends: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  const { primary } = await stand.places()
  const since = Date.now()
  await breaks()
  await stand.countsOn()
  await mends()
  await stand.again(primary)
  expect((await stand.acts(primary, since)).map(({ act }) => act)).not.toContain('lockstep-left')
  expect((await stand.places()).primary).toBe(primary)
}

const standbysOn = async (host: string): Promise<readonly unknown[]> => {
  const { stdout } = await stand.scene.lab.exec(host, ['holdfast-standby', 'list'])
  return JSON.parse(stdout) as unknown[]
}

/** Files of guests' memory, of those that run and those that wait. */
const memoriesOn = async (host: string): Promise<number> =>
  (await stand.scene.lab.exec(host, ['sh', '-c', 'ls /dev/shm'])).stdout.split('\n').filter((name) => name.endsWith('.memory'))
    .length

describe('what a guest in lockstep does not notice', () => {
  test('the witness', () =>
    unmoved(
      () => stand.scene.lab.fault({ kind: 'witness' }),
      () => stand.scene.lab.undo({ kind: 'witness' }),
    ))

  test('one A-link', () =>
    unmoved(
      () => stand.scene.lab.fault({ kind: 'link', host: 'h1', link: 'alink0' }),
      () => stand.scene.lab.undo({ kind: 'link', host: 'h1', link: 'alink0' }),
    ))

  test('both A-links: its epochs go over management', () =>
    unmoved(
      () => stand.scene.lab.fault({ kind: 'link', host: 'h1', link: 'alinks' }),
      () => stand.scene.lab.undo({ kind: 'link', host: 'h1', link: 'alinks' }),
    ))

  test('the daemon of either side', async () => {
    for (const host of ['h1', 'h2']) await unmoved(() => kill(host, 'holdfastd'))
  })
})

describe('what ends lockstep, until it comes back by itself', () => {
  test('the waiting QEMU', async () => {
    const { standby } = await stand.places()
    expect(await leftAndBack(() => kill(standby, 'qemu-system-x86_64'))).toMatch(/standby/)
  })

  test("the standby's worker", async () => {
    const { standby } = await stand.places()
    expect(await leftAndBack(() => kill(standby, 'holdfast-worker'))).not.toBe('')
  })

  test("the primary's worker: the guest's output waits for the next one", async () => {
    const { primary } = await stand.places()
    await kill(primary, 'holdfast-worker')
    await stand.countsOn()
    await stand.again(primary)
    expect((await stand.places()).primary).toBe(primary)
  })
})

/** What a host's operator reads of the VM's claim since then, in milliseconds of the monotonic clock. */
async function claimChangedMs(sinceWallMs: number): Promise<number> {
  const { primary } = await stand.places()
  const changed = (await stand.acts(primary, sinceWallMs)).filter(({ act }) => ['claim-swapped', 'claim-taken'].includes(act))
  const first = Math.min(...changed.map(({ at }) => Date.parse(at)))
  return first - (Date.now() - monotonicMs())
}

test('every link between the hosts: nothing that nobody confirmed leaves before the witness has decided who goes on', async () => {
  const { primary, standby } = await stand.places()
  const { lab, counter } = stand.scene
  const apart = cut(primary, standby, 'all')
  const since = Date.now()
  await lab.fault(apart)
  const cutMs = monotonicMs()
  await stand.countsOn()
  await lab.undo(apart)
  const { primary: winner } = await stand.places()
  await stand.again(winner)
  const changedMs = await claimChangedMs(since)
  expect(changedMs).toBeGreaterThan(cutMs)
  expect(counter.answers().filter(({ sent, at }) => sent > cutMs && at < changedMs)).toEqual([])
  const acts = (await stand.acts(winner, since)).map(({ act }) => act)
  expect(acts).not.toContain('start-called')
})

test('the primary is lost before it has gone alone: what its guest said since the cut was heard by nobody', async () => {
  const { primary, standby } = await stand.places()
  const { lab } = stand.scene
  const apart = cut(primary, standby, 'all')
  await lab.fault(apart)
  // Long enough for the guest to have said something, far shorter than it takes to go alone.
  await pause(100)
  await lab.powerOff(primary)
  await stand.countsOn()
  await lab.undo(apart)
  await lab.boot(primary)
  await stand.again(standby)
  expect(await stand.places()).toEqual({ primary: standby, standby: primary })
})

test('the dial turned down frees the standby and its memory, and up again makes another one', async () => {
  const { primary, standby } = await stand.places()
  expect(await standbysOn(standby)).toHaveLength(1)
  const { lab, name } = stand.scene
  expect(await memoriesOn(standby)).toBe(1)
  expect(await lab.exec(primary, ['/usr/local/sbin/holdfast', 'protect', name, '--level', 'redirect', '--wait'])).toMatchObject({
    exit: 0,
  })
  await until('the standby is gone', LIMIT_MS, async () => (await standbysOn(standby)).length === 0)
  await until('its memory is free', LIMIT_MS, async () => (await memoriesOn(standby)) === 0)
  await stand.countsOn()
  await protectInLockstep(stand.scene, primary)
  await stand.again(primary)
})

test('through all of that: nothing lost, nothing twice, nothing said on the wire that was another thing later', async () => {
  expect((await stand.end()).broken).toEqual([])
})

test('a planned move shuts it down, and it is in lockstep again where it was moved to', async () => {
  const { primary, standby } = await stand.places()
  const { scene } = stand
  expect(await scene.lab.exec(primary, ['/usr/local/sbin/holdfast', 'move', scene.name, '--to', standby])).toMatchObject({
    exit: 0,
  })
  // Its client has said its last word.
  await untilLockstep({ ...scene, look: () => undefined }, standby)
  expect(await stand.status(standby)).toMatchObject({ powerState: 'Running', residentOn: standby, holder: standby })
})
