import { setTimeout as pause } from 'node:timers/promises'
import { ensureGuestImage } from '../guest/image/image'
import type { ConfigGiven } from '../../wire/config'
import type { LabTimes, Value } from '../contract'
import type { Lab } from '../rack/lab'
import { startLab } from '../rack/up'
import { createGuestVm, type GuestVm } from '../seed/guest-vm'
import { LocalApi } from '../seed/local-api'

export interface StageOptions {
  readonly dir: string
  readonly hosts?: number
  readonly times?: Partial<LabTimes>
  readonly bmc?: boolean
  readonly alternate?: boolean
  readonly config?: Partial<ConfigGiven>
  readonly onProgress?: (doing: string) => void
  /** The caller takes the lab down, also when it could not be finished. */
  readonly keepOnFailure?: boolean
  /** Where the lab's programs are; beside this one by default. */
  readonly labBin?: string
}

/** A lab with a Holdfast SR on every host: where demonstrations and tests begin. */
export interface Stage {
  readonly lab: Lab
  readonly sr: string
  readonly srUuid: string
}

const POLL_MS = 200
const XAPI_LIMIT_MS = 30_000
const DAEMON_LIMIT_MS = 20_000
export const VM_ADDRESS = '10.77.3.10'

export async function setStage({
  dir,
  hosts = 2,
  times,
  bmc = false,
  alternate = false,
  config = {},
  onProgress = () => undefined,
  keepOnFailure = false,
  labBin,
}: StageOptions): Promise<Stage> {
  onProgress('preparing the guest image')
  const guest = (await ensureGuestImage()).directory
  const given = { ...(times === undefined ? {} : { times }), ...(labBin === undefined ? {} : { labBin }) }
  const lab = await startLab({ dir, hosts, guest, onProgress, bmc, alternate, config, ...given })
  try {
    for (const { name } of lab.hosts) await daemonAnswers(lab, name)
    onProgress('creating the Holdfast SR')
    return await makeHoldfastSr(lab)
  } catch (error) {
    if (!keepOnFailure) await lab.down()
    throw error
  }
}

/** For hosts on which the product answers. */
export async function makeHoldfastSr(lab: Lab): Promise<Stage> {
  const api = await poolApi(lab)
  const sr = await makeSr(lab, api)
  const srUuid = await api.ref('SR.get_uuid', sr)
  await api.logout()
  return { lab, sr, srUuid }
}

/** A session with the pool through a host that has power; by default the first one. */
export async function poolApi(lab: Lab, host?: string): Promise<LocalApi> {
  const { hosts } = await lab.status()
  const on = hosts.find(({ name, power }) => (host === undefined ? power === 'on' : name === host))
  const socket = lab.hosts.find(({ name }) => name === on?.name)?.xapiSocket
  if (socket === undefined) throw new Error('no host of the lab has power')
  return LocalApi.login(socket, XAPI_LIMIT_MS)
}

async function makeSr(lab: Lab, api: LocalApi): Promise<string> {
  const host = await api.ref('host.get_by_uuid', lab.hosts[0]?.uuid ?? '')
  const config = { path: '/srv/holdfast' }
  const sr = await api.ref(
    'SR.create',
    host,
    config,
    0,
    'Holdfast',
    'mirrored disks of protected VMs',
    'holdfast',
    'user',
    true,
    {},
  )
  for (const pbd of texts(await api.call('SR.get_PBDs', sr))) {
    // A member that has only just joined may have been passed over; asking again also tells why it cannot.
    if ((await api.call('PBD.get_currently_attached', pbd)) !== true) await api.call('PBD.plug', pbd)
  }
  return sr
}

const texts = (value: Value): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [])

/** Until the product on that host answers its operator. */
export async function daemonAnswers(lab: Lab, host: string): Promise<void> {
  await until(`the daemon of ${host} answers`, DAEMON_LIMIT_MS, async () => {
    return (await lab.exec(host, ['/usr/local/sbin/holdfast', 'status', '--json'])).exit === 0
  })
}

/** A VM that runs redis on one disk in the Holdfast SR, halted. */
export async function makeVm({ lab, sr }: Stage, name = 'orders', diskBytes = 128 * 1024 * 1024): Promise<GuestVm> {
  const api = await poolApi(lab)
  const vm = await createGuestVm(api, { name, sr, diskBytes, address: `${VM_ADDRESS}/24` })
  await api.logout()
  return vm
}

export async function startVmOn({ lab }: Stage, vm: string, host: string): Promise<void> {
  const api = await poolApi(lab)
  const uuid = lab.hosts.find(({ name }) => name === host)?.uuid ?? ''
  await api.call('VM.start_on', vm, await api.ref('host.get_by_uuid', uuid), false, false)
  await api.logout()
}

/** Waits for a condition, never for a time. */
export async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`gave up after ${limitMs / 1000} s: ${what}`)
    await pause(POLL_MS)
  }
}
