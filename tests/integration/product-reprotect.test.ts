/** A pool of three: whoever lost its other copy gets one on the third host, by itself, while its client counts over one connection. */
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { until } from '../../lib/lab/demo/stage'
import { statusOn } from '../../lib/lab/demo/operator'
import { isInLockstep } from '../../lib/lab/lockstep/scene'
import type { VmStatus } from '../../lib/wire/daemon-api'
import { LockstepStand } from './lockstep-stand'

jest.setTimeout(600_000)

const LIMIT_MS = 180_000
const HOSTS = ['h1', 'h2', 'h3']

let stand: LockstepStand
beforeAll(async () => {
  stand = await LockstepStand.open({ hosts: 3, on: 'h1', config: { reprotectAfterMs: 4000 } })
})
afterAll(() => stand.close())

/** As the host that holds the claim says it; `without`: that one has no power. */
async function seen(without: string): Promise<VmStatus | null> {
  const { scene } = stand
  for (const host of HOSTS.filter((each) => each !== without)) {
    const status = await statusOn(scene.lab, host, scene.vm)
    if (status?.holder === host) return status
  }
  return null
}

async function untilSeen(what: string, without: string, holds: (status: VmStatus) => boolean): Promise<VmStatus> {
  const found: VmStatus[] = []
  let last: VmStatus | null = null
  try {
    await until(what, LIMIT_MS, async () => {
      stand.scene.look()
      last = await seen(without)
      if (last === null || !holds(last)) return false
      found.push(last)
      return true
    })
  } catch (error) {
    const told = (await stand.acts(HOSTS.find((each) => each !== without) ?? '', 0))
      .slice(-25)
      .map(({ act, text }) => `${act}: ${text}`)
    throw new Error(`${String(error)}: ${JSON.stringify(last)}\n${told.join('\n')}`, { cause: error })
  }
  const [status] = found
  if (status === undefined) throw new Error('no status')
  return status
}

const upToDate = (status: VmStatus): string[] => [...new Set(status.disks.flatMap((disk) => disk.upToDate))].sort()
const isWhole = (status: VmStatus): boolean => status.health === 'protected' && upToDate(status).length === 2

/** Of which the replica's image is on that host. */
async function imagesOn(host: string): Promise<number> {
  const { stdout } = await stand.scene.lab.exec(host, ['sh', '-c', 'ls /srv/holdfast/*/disk.raw 2>/dev/null | wc -l'])
  return Number(stdout)
}

const workersOn = async (host: string): Promise<string> =>
  (await stand.scene.lab.exec(host, ['sh', '-c', 'ls /run/holdfast/workers'])).stdout.trim()

const standbysOn = async (host: string): Promise<readonly unknown[]> =>
  JSON.parse((await stand.scene.lab.exec(host, ['holdfast-standby', 'list'])).stdout) as unknown[]

/** All of a host is killed; the VM goes on with the third one as its secondary; the lost one comes back with nothing of it. */
async function lostAndReplaced(
  lost: string,
  holder: string,
  third: string,
  isThere: (status: VmStatus) => boolean,
): Promise<void> {
  const { lab } = stand.scene
  const since = Date.now()
  await lab.fault({ kind: 'host', host: lost })
  const status = await untilSeen(`${third} keeps its copy`, lost, (each) => each.secondary === third && isThere(each))
  expect(status.holder).toBe(holder)
  expect(upToDate(status)).toEqual([holder, third].sort())
  await stand.countsOn()

  // A small disk is copied before XAPI has been told.
  let given: readonly TimelineEntry[] = []
  await until('it is told why', LIMIT_MS, async () => {
    stand.scene.look()
    given = (await stand.acts(holder, since)).filter(({ act }) => act === 'vm-protected')
    return given.length > 0
  })
  expect(given).toMatchObject([
    { rule: 'secondary-lost', text: expect.stringContaining(`${lost} has been silent for`) as string },
  ])

  await lab.undo({ kind: 'host', host: lost })
  await until(`the old copy on ${lost} is put away`, LIMIT_MS, async () => {
    stand.scene.look()
    return (await stand.acts(holder, since)).some((entry) => isDropped(entry))
  })
  expect(await imagesOn(lost)).toBe(0)
  expect(await workersOn(lost)).not.toContain(stand.scene.vm)
  expect(await standbysOn(lost)).toEqual([])
  const after = await untilSeen('nothing else has changed', '', isThere)
  expect(after).toMatchObject({ holder, secondary: third })
  await stand.countsOn()
}

const isDropped = ({ act }: TimelineEntry): boolean => act === 'former-copy-dropped'

test('in lockstep: the host of its waiting copy is lost; then the one where it runs', async () => {
  const first = await untilSeen('it is in lockstep', '', isInLockstep)
  expect(first.holder).toBe('h1')
  const second = first.secondary ?? ''
  const third = HOSTS.find((each) => each !== 'h1' && each !== second) ?? ''
  await lostAndReplaced(second, 'h1', third, isInLockstep)
  await lostAndReplaced('h1', third, second, isInLockstep)
})

test('at redirect: the same', async () => {
  const { lab, name } = stand.scene
  const { holder, secondary } = await untilSeen('it is whole', '', isInLockstep)
  const [from, to] = [holder ?? '', secondary ?? '']
  expect(await lab.exec(from, ['/usr/local/sbin/holdfast', 'protect', name, '--level', 'redirect', '--wait'])).toMatchObject({
    exit: 0,
  })
  await lostAndReplaced(to, from, HOSTS.find((each) => each !== from && each !== to) ?? '', isWhole)
})

test('its client lost nothing: no count twice or missing, one connection from beginning to end', async () => {
  expect((await stand.end()).broken).toEqual([])
})
