/**
 * A lab without guests: a host that is grey told from one that is dead, and the ladder of fencing with real power switches. What is taken
 * over is the claim of a VM that is halted. The leases are long, so that nothing waits for one where the power tells sooner.
 */
import { hostUuid } from '../../lib/core/domain/ids'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { makeVm, until } from '../../lib/lab/demo/stage'
import type { DaemonApi, HostStatus, StatusReport } from '../../lib/wire/daemon-api'
import { ProductLab } from './product-lab'

const LEASE_MS = 20_000
const LIMIT_MS = 60_000
jest.setTimeout(4 * LIMIT_MS)

let pool: ProductLab
let vm: string
beforeAll(async () => {
  pool = await ProductLab.open(
    { promotionFuseMs: 500, promotionRestartMs: 300, recoverSlavesMs: 500, deadHostCallMs: 3000, deadHostProbeMs: 300 },
    { bmc: true, config: { leaseMs: LEASE_MS } },
  )
  vm = (await makeVm(pool.stage, 'orders', 8 * 1024 * 1024)).vmUuid
  // The daemon hears of the disk from XAPI's events.
  await until('the VM can be protected', LIMIT_MS, async () => {
    return (await pool.command('h1', 'plan', vm, '--level', 'restart')).exit === 0
  })
  await pool.operator('h1', 'protect', vm, '--level', 'restart', '--wait')
})
afterAll(() => pool.close())

const seenBy = async (host: string, other: string): Promise<HostStatus> => {
  const found = (await pool.operator(host, 'status')).hosts.find(({ name }) => name === other)
  if (found === undefined) throw new Error(`${host} does not know ${other}`)
  return found
}
const kinds = ({ findings }: HostStatus): string[] => findings.map(({ kind }) => kind)

const timeline = async (host: string): Promise<TimelineEntry[]> =>
  (await pool.operator(host, 'timeline', '--limit', '200')).entries.filter((entry) => entry.host === hostUuid(pool.uuidOf(host)))
const rulesOf = async (host: string, act: string): Promise<string[]> =>
  (await timeline(host)).filter((entry) => entry.act === act).map(({ rule }) => rule)
async function happens(what: string, host: string, act: string, rule: string, times = 1): Promise<void> {
  const has = async (): Promise<boolean> => (await rulesOf(host, act)).filter((each) => each === rule).length >= times
  await until(what, LIMIT_MS, has).catch(async (error: unknown) => {
    const told = (await timeline(host)).slice(-30).map((entry) => `${entry.at} ${entry.act} ${entry.rule}: ${entry.text}`)
    throw new Error(`${String(error)}\n${told.join('\n')}`)
  })
}

const fence = (host: string, ...argv: string[]): Promise<DaemonApi['fence']['answer']> => pool.operator(host, 'fence', ...argv)
const powerOf = async (host: string): Promise<string | undefined> =>
  (await pool.lab.status()).hosts.find(({ name }) => name === host)?.power

async function back(host: string, holder: string): Promise<void> {
  await pool.lab.undo({ kind: 'link', host, link: 'all' })
  if ((await powerOf(host)) === 'off') await pool.lab.boot(host)
  await pool.redundant(holder, vm, 2 * LIMIT_MS)
}

test('one way only, stopped and back: grey, and nothing is taken over for it', async () => {
  const cut = { kind: 'cut', host: 'h1', other: 'h2', link: 'alink0', direction: 'to' } as const
  await pool.lab.fault(cut)
  await until('both sides find it', LIMIT_MS, async () => {
    const [one, two] = [await seenBy('h1', 'h2'), await seenBy('h2', 'h1')]
    return kinds(one).includes('hears-us-not') && kinds(two).includes('not-heard')
  })
  expect((await seenBy('h1', 'h2')).health).toBe('grey')
  await pool.lab.undo(cut)
  await until('nothing is wrong any more', LIMIT_MS, async () => (await seenBy('h1', 'h2')).health === 'good')

  const stop = { kind: 'process', host: 'h1', process: 'holdfastd', how: 'stop' } as const
  await pool.lab.fault(stop)
  await until('it is suspected', LIMIT_MS, async () => (await seenBy('h2', 'h1')).state === 'suspected')
  // Its workers are heard: only its daemon is silent, so nobody may call it off.
  expect(await fence('h2', 'h1')).toMatchObject({ against: 'not-suspected', proof: null })
  await pool.lab.undo(stop)
  await until('it is back', LIMIT_MS, async () => kinds(await seenBy('h2', 'h1')).includes('was-stopped'))
  const stopped = (await seenBy('h2', 'h1')).findings.find(({ kind }) => kind === 'was-stopped')
  expect(stopped).toMatchObject({ machine: false, text: expect.stringContaining('its daemon alone') as string })
  const acts = await timeline('h2')
  expect(acts.filter(({ act }) => act === 'host-grey').map(({ rule }) => rule)).toContain('not-heard')
  expect(acts.map(({ act }) => act)).not.toContain('claim-swapped')
  expect(acts.map(({ act }) => act)).not.toContain('power-off-asked')
})

test('a holder without any link is switched off, and its claim is taken without a wait for the lease', async () => {
  await pool.redundant('h1', vm)
  await pool.lab.fault({ kind: 'link', host: 'h1', link: 'all' })
  await happens('the power switch says off twice', 'h2', 'host-fenced', 'power-off-twice')
  await happens('the claim is taken', 'h2', 'claim-swapped', 'holder-fenced')
  expect(await rulesOf('h2', 'power-off-asked')).toEqual(['silent-with-a-vm-at-stake'])
  expect(await powerOf('h1')).toBe('off')
  await until('h2 is told to hold it', LIMIT_MS, async () => (await pool.vmStatus('h2', vm)).holder === 'h2')
  await back('h1', 'h2')
})

test('a power switch that hangs proves nothing: the lease has to run out', async () => {
  await pool.lab.fault({ kind: 'bmc', host: 'h2' })
  await pool.lab.fault({ kind: 'link', host: 'h2', link: 'all' })
  await happens('the power switch does not answer', 'h1', 'power-looked', 'power-unknown')
  expect(await fence('h1', 'h2')).toMatchObject({ power: 'unknown', proof: null })
  await happens('the claim is taken', 'h1', 'claim-swapped', 'take-over')
  expect(await rulesOf('h1', 'host-fenced')).toEqual([])
  expect(await powerOf('h2')).toBe('on')
  await pool.lab.undo({ kind: 'bmc', host: 'h2' })
  await back('h2', 'h1')
})

test('a replica that was left behind takes the claim only by the word of an operator', async () => {
  const links = { kind: 'link', host: 'h2', link: 'all' } as const
  await pool.lab.fault(links)
  await until('h1 goes on alone', LIMIT_MS, async () => (await pool.vmStatus('h1', vm)).disks[0]?.upToDate.join() === 'h1')
  await pool.lab.powerOff('h1')
  await pool.lab.undo(links)
  let last: [number | null, string] = [null, '']
  const command = async (...argv: string[]): Promise<[number | null, string]> => {
    const { exit, stderr } = await pool.command('h2', ...argv)
    return (last = [exit, stderr])
  }
  await until('h1 is missed', LIMIT_MS, async () => (await command('promote', vm))[1].includes('not proven to be off')).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}: ${last.join(' ')}`)
    },
  )
  await until('it is asked of an operator', LIMIT_MS, async () => (await command('fence', 'h1', '--confirm-off'))[0] === 0)
  await until('the word counts', LIMIT_MS, async () => (await fence('h2', 'h1')).proof === 'operator')
  expect(await command('promote', vm)).toEqual([2, expect.stringContaining('lacks writes that the guest was told are kept')])
  expect(await pool.operator('h2', 'promote', vm, '--accept-loss')).toMatchObject({ rule: 'loss-accepted', host: 'h2' })
  expect(await pool.vmStatus('h2', vm)).toMatchObject({ holder: 'h2' })
  await happens('h2 is the coordinator', 'h2', 'coordinator-serves', 'new-coordinator-answers')
  await pool.lab.boot('h1')
  await happens('the word is forgotten', 'h2', 'fence-word-cleared', 'host-seen')
  // Its xapi comes up after its daemon.
  await until('h1 knows whose it is', LIMIT_MS, async () => {
    const { exit, stdout } = await pool.command('h1', 'status', vm, '--json')
    return exit === 0 && (JSON.parse(stdout) as StatusReport).vms.some(({ holder }) => holder === 'h2')
  })
})

test('a coordinator that is dead beside no protected VM: an operator says so, and another host takes its place', async () => {
  await pool.operator('h2', 'unprotect', vm)
  const masterSeenBy = async (host: string): Promise<string> =>
    (await pool.lab.xe(['pool-list', 'params=master', '--minimal'], host)).stdout.trim()
  let master = ''
  await until('both hosts have the same coordinator', LIMIT_MS, async () => {
    master = await masterSeenBy('h1')
    return master !== '' && master === (await masterSeenBy('h2'))
  })
  const coordinator = master === pool.uuidOf('h1') ? 'h1' : 'h2'
  const other = coordinator === 'h1' ? 'h2' : 'h1'
  const early = await pool.command(other, 'fence', coordinator, '--confirm-off')
  expect([early.exit, early.stderr]).toEqual([2, expect.stringContaining('what is heard is not off')])
  await pool.lab.powerOff(coordinator)
  let known = ''
  await until('it is asked of an operator', LIMIT_MS, async () => {
    const report = await fence(other, coordinator)
    known = JSON.stringify(report)
    return report.against === null
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${known}`)
  })
  const before = (await rulesOf(other, 'coordinator-promoted')).length
  const cleared = (await rulesOf(other, 'fence-word-cleared')).length
  expect((await fence(other, coordinator, '--confirm-off')).confirmed).not.toBeNull()
  await happens('it is promoted', other, 'coordinator-promoted', 'proof-silence-election', before + 1)
  await pool.lab.boot(coordinator)
  await happens('the word is forgotten', other, 'fence-word-cleared', 'host-seen', cleared + 1)
  expect((await fence(other, coordinator)).confirmed).toBeNull()
})
