import { Refusal } from '../../core/domain/errors'
import { DOM0, hostUuid, isUuid, vmUuid, type VmUuid } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import type { DaemonApi } from '../../wire/daemon-api'
import type { WorkerApi } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import type { Fleet } from './fleet'
import { hostNameOf, vmNameOf } from './names'
import type { HostParts } from './parts'
import { witnessed } from './situation'

type DatapathFunction = Extract<keyof DaemonApi, `datapath-${string}`>
type DatapathHandlers = { [F in DatapathFunction]: (ask: DaemonApi[F]['ask']) => Promise<DaemonApi[F]['answer']> }

/** A worker that starts needs its replica opened and, for a protected VM, a word with the witness. */
const ATTACH_LIMIT_MS = 15_000
/** A daemon that was just started hears of XAPI's inventory within about a second. */
const INVENTORY_LIMIT_MS = 3000
const LOOK_AGAIN_MS = 50

/**
 * What the SMAPIv3 datapath plug-in is answered: the worker's NBD socket, or that of a front before it. A protected volume is
 * attached only where its VM's claim is held, an unprotected one only where its bytes are.
 */
export function datapathHandlers(parts: HostParts, catalogue: Catalogue, fleet: Fleet): DatapathHandlers {
  const workerOf = (record: VolumeRecord): string | undefined =>
    record.vm ?? fleet.specs().find(({ volumes }) => volumes.some(({ key }) => key === record.key))?.id

  const protectedWorker = async (vm: VmUuid): Promise<string> => {
    if (fleet.has(vm)) return vm
    const stored = await witnessed(parts, parts.witness.read(vm))
    throw new Refusal('HOLDFAST_CLAIM_HELD_ELSEWHERE', {
      vm: vmNameOf(parts, vm),
      host: hostNameOf(parts, parts.host),
      holder: stored === null ? 'nobody' : hostNameOf(parts, stored.claim.holder),
      term: stored?.claim.term ?? 0,
    })
  }

  /** All disks of the VM that are here, so that one worker can take them all under protection while the guest runs. */
  const disksOf = (record: VolumeRecord, domain: string): { id: string; records: VolumeRecord[] } => {
    const vm =
      domain === DOM0
        ? undefined
        : parts.xapi.inventory()?.vms.find(({ disks }) => disks.some(({ location }) => location === record.key))
    if (vm === undefined || fleet.has(vm.uuid)) return { id: record.key, records: [record] }
    const all = vm.disks.map(({ location }) => catalogue.find(location)).filter((found) => found !== undefined)
    return {
      id: vm.uuid,
      records: all.filter(({ homes, vm: owner }) => owner === null && (homes.length === 0 || homes.includes(parts.host))),
    }
  }

  /** Without it, each disk would get a worker of its own, and the VM could not be protected while it runs. */
  const inventoryKnown = async (): Promise<void> => {
    const untilMs = parts.clock.nowMs() + INVENTORY_LIMIT_MS
    while (parts.xapi.inventory() === null && parts.clock.nowMs() < untilMs) await parts.timers.pause(LOOK_AGAIN_MS)
  }

  const soloWorker = async (record: VolumeRecord, domain: string): Promise<string> => {
    if (workerOf(record) === undefined && domain !== DOM0) await inventoryKnown()
    const running = workerOf(record)
    if (running !== undefined) return running
    const { id, records } = disksOf(record, domain)
    const homed: VolumeRecord[] = []
    for (const each of records) homed.push(await ensureHome(each))
    await fleet.start(fleet.soloSpec(id, homed))
    return id
  }

  const ensureHome = async (record: VolumeRecord): Promise<VolumeRecord> => {
    if (record.homes.includes(parts.host)) return record
    if (record.homes.length > 0) {
      const home = hostNameOf(parts, record.homes[0] ?? parts.host)
      throw new Refusal('HOLDFAST_VOLUME_ELSEWHERE', { volume: record.key, host: hostNameOf(parts, parts.host), home })
    }
    await catalogue.storeOf(record).makeFirstReplica(record)
    return catalogue.change(record.key, { homes: [parts.host] })
  }

  /** By a worker that is not about to be ended as one that nobody uses. */
  const attached = async (volume: string, domain: string): Promise<WorkerApi['attach']['answer']> => {
    const record = catalogue.get(volume)
    const id = record.vm === null ? await soloWorker(await ensureHome(record), domain) : await protectedWorker(record.vm)
    const served = await fleet.alone(id, async () =>
      fleet.specOf(id) === undefined
        ? null
        : await withNames(parts, fleet.ask(id, 'attach', { volume: record.key, domain }, ATTACH_LIMIT_MS)),
    )
    if (served !== null) return served
    await parts.timers.pause(LOOK_AGAIN_MS)
    return attached(volume, domain)
  }

  /** Where the client is to connect. */
  const beforeClient = async (
    volume: string,
    domain: string,
    served: { readonly socket: string; readonly exportName: string },
  ): Promise<{ socket: string; exportName: string }> => ({
    exportName: served.exportName,
    socket: parts.config.diskClients === 'front' ? await parts.fronts.serve({ volume, domain }, served) : served.socket,
  })

  return {
    'datapath-attach': async ({ volume, domain }) => beforeClient(volume, domain, await attached(volume, domain)),
    'datapath-activate': async ({ volume, domain }) => {
      const record = catalogue.get(volume)
      const id = record.vm === null ? workerOf(record) : await protectedWorker(record.vm)
      if (id === undefined) throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume, use: 'not attached on this host' })
      return withNames(parts, fleet.ask(id, 'activate', { volume: record.key, domain }, ATTACH_LIMIT_MS))
    },
    'datapath-deactivate': async ({ volume, domain }) => {
      const record = catalogue.get(volume)
      const id = workerOf(record)
      if (id === undefined || !fleet.has(id)) return null
      return fleet.ask(id, 'deactivate', { volume: record.key, domain })
    },
    'datapath-detach': async ({ volume, domain }) => {
      const record = catalogue.get(volume)
      // Before the worker: a front whose worker left it would wait for the next one.
      parts.fronts.release(record.key, domain)
      const id = workerOf(record)
      if (id === undefined || !fleet.has(id)) return null
      await fleet.ask(id, 'detach', { volume: record.key, domain })
      if (record.vm === null) await fleet.endIfUnused(id, () => fleet.ask(id, 'status', {}))
      return null
    },
  }
}

/** A worker knows uuids only; who reads its refusal in a failed start knows names. */
async function withNames<T>(parts: HostParts, asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_CLAIM_HELD_ELSEWHERE') throw error
    const uuidIn = (fact: string): string => String(error.facts[fact] ?? '')
    const host = (fact: string): string => (isUuid(uuidIn(fact)) ? hostNameOf(parts, hostUuid(uuidIn(fact))) : uuidIn(fact))
    const vm = isUuid(uuidIn('vm')) ? vmNameOf(parts, vmUuid(uuidIn('vm'))) : uuidIn('vm')
    throw new Refusal(error.code, { ...error.facts, vm, host: host('host'), holder: host('holder') })
  }
}

export const asVm = (text: string): VmUuid => {
  if (!isUuid(text)) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm: text.slice(0, 80) })
  return text as VmUuid
}
