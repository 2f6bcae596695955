import type { HostUuid, SrUuid } from '../domain/ids'
import { hostName, type InventoryHost, type InventoryVm } from '../domain/inventory'
import { primaryOf, protectionOf, protections, type Protection, type Situation } from './protection'

export interface Placement {
  readonly secondary: HostUuid | null
  /** Why it was chosen; empty when none was. */
  readonly because: string
  /** Why each other host was not chosen, by host name. */
  readonly rejected: readonly { readonly host: string; readonly why: string }[]
}

export interface PlacementWish {
  readonly vm: InventoryVm
  readonly primary: HostUuid
  /** Holdfast SRs that hold the VM's disks, or will. */
  readonly srs: readonly SrUuid[]
  /** A copy of the VM is to wait there in memory, which nothing else can have then. */
  readonly standby?: boolean
}

interface Candidate {
  readonly host: InventoryHost
  readonly isGrey: boolean
  readonly promises: number
  readonly roomBytes: number
  /** Null when the host may be the secondary. */
  readonly unfit: string | null
}

/** The secondary of a VM: able to take it over; rather one with nothing wrong, then the one with the fewest promises already made, then with the most memory left. */
export function chooseSecondary(situation: Situation, wish: PlacementWish): Placement {
  const candidates = situation.inventory.hosts
    .filter(({ uuid }) => uuid !== wish.primary)
    .map((host) => judge(situation, wish, host))
  const fit = candidates.filter(({ unfit }) => unfit === null)
  fit.sort(
    (a, b) =>
      Number(a.isGrey) - Number(b.isGrey) ||
      a.promises - b.promises ||
      b.roomBytes - a.roomBytes ||
      (a.host.uuid < b.host.uuid ? -1 : 1),
  )
  const [best] = fit
  return {
    secondary: best?.host.uuid ?? null,
    because:
      best === undefined
        ? ''
        : `it is alive${best.isGrey ? ', though something is wrong with it' : ''}, has the SR and the networks, ${memory(best.roomBytes)} to spare and ${promised(best)}`,
    rejected: candidates
      .filter((candidate) => candidate !== best)
      .map((candidate) => ({
        host: candidate.host.name,
        why:
          candidate.unfit ??
          `${candidate.isGrey ? 'something is wrong with it, ' : ''}${memory(candidate.roomBytes)} to spare and ${promised(candidate)}`,
      })),
  }
}

/** True when the host may go on being (or become) the secondary. */
export const isFit = (situation: Situation, wish: PlacementWish, host: HostUuid): boolean =>
  situation.inventory.hosts.some(
    (known) => known.uuid === host && host !== wish.primary && judge(situation, wish, known).unfit === null,
  )

/** What speaks against the host as the place of the VM, a sentence's end; null when nothing does. */
export function unfitness(situation: Situation, wish: PlacementWish, host: InventoryHost): string | null {
  return judge(situation, wish, host).unfit
}

function judge(situation: Situation, wish: PlacementWish, host: InventoryHost): Candidate {
  const { inventory } = situation
  const promised = protections(situation).filter(({ vm, secondary }) => secondary === host.uuid && vm.uuid !== wish.vm.uuid)
  const roomBytes =
    host.memoryTotalBytes -
    host.memoryControlBytes -
    usedBytes(situation, host.uuid) -
    standbyBytes(situation, wish, host) -
    worstLoss(situation, wish, host)
  const srName = (sr: SrUuid): string => inventory.srs.find(({ uuid }) => uuid === sr)?.name ?? sr
  const sr = wish.srs.find((used) => !inventory.srs.some(({ uuid, pluggedOn }) => uuid === used && pluggedOn.includes(host.uuid)))
  const network = wish.vm.nics.find(({ networkOn }) => networkOn.length > 0 && !networkOn.includes(host.uuid))
  const unfit = situation.suspected.has(host.uuid)
    ? 'it does not answer'
    : !host.live
      ? 'XAPI holds it for dead'
      : !host.enabled
        ? 'it is disabled'
        : sr !== undefined
          ? `SR ${srName(sr)} is not plugged there`
          : network !== undefined
            ? `network ${network.networkName} does not reach it`
            : roomBytes < 0
              ? `it lacks ${memory(-roomBytes)} of memory to run it beside what it has promised`
              : wish.standby === true
                ? standbyUnfitness(situation, wish.vm, host)
                : null
  return { host, isGrey: situation.grey.has(host.uuid), promises: promised.length, roomBytes, unfit }
}

export const usedBytes = ({ inventory }: Situation, host: HostUuid): number =>
  inventory.vms.filter(({ residentOn }) => residentOn === host).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)

/** Memory of copies that wait there, with the wish's: unlike a promise, it is used whichever host is lost. */
const standbyBytes = (situation: Situation, { vm, standby }: PlacementWish, host: InventoryHost): number =>
  protections(situation)
    .filter((other) => other.vm.uuid !== vm.uuid && hasStandby(other) && other.secondary === host.uuid)
    .reduce((sum, other) => sum + other.vm.memoryBytes, standby === true ? vm.memoryBytes : 0)

const hasStandby = ({ level }: Protection): boolean => level === 'lockstep'

/** What speaks against a host that could take the VM over, as the place of its waiting copy. */
function standbyUnfitness(situation: Situation, vm: InventoryVm, host: InventoryHost): string | null {
  const { lacks, freeBytes } = situation.standbys.get(host.uuid) ?? { lacks: null, freeBytes: null }
  if (lacks !== null) return lacks
  const { level, secondary } = protectionOf(vm, situation.claims.get(vm.uuid) ?? null)
  const waitsThere = level === 'lockstep' && secondary === host.uuid
  if (waitsThere || freeBytes === null || freeBytes >= vm.memoryBytes) return null
  return `it has ${memory(freeBytes)} of memory free, and a waiting copy takes ${memory(vm.memoryBytes)}`
}

/**
 * Memory that the loss of one host could call upon here, in the worst case, with the wish among the promises. Two hosts lost at
 * once is more than a pair promises to survive, so promises to different hosts do not add up.
 */
function worstLoss(situation: Situation, wish: PlacementWish, host: InventoryHost): number {
  const byPrimary = new Map<HostUuid, number>([[wish.primary, wish.standby === true ? 0 : wish.vm.memoryBytes]])
  for (const protection of protections(situation)) {
    if (protection.secondary !== host.uuid || protection.vm.uuid === wish.vm.uuid || hasStandby(protection)) continue
    const primary = primaryOf(protection, situation)
    byPrimary.set(primary, (byPrimary.get(primary) ?? 0) + protection.vm.memoryBytes)
  }
  return Math.max(...byPrimary.values())
}

const promised = ({ promises }: Candidate): string =>
  promises === 0 ? 'no promises made' : promises === 1 ? 'one promise made' : `${promises} promises made`

export const memory = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MiB`

/** For the refusal: every host with its reason, in one line. */
export const rejections = ({ rejected }: Placement, situation: Situation, primary: HostUuid): string =>
  [`${hostName(situation.inventory, primary)}: it is the primary`, ...rejected.map(({ host, why }) => `${host}: ${why}`)].join(
    '; ',
  )
