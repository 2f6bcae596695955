import type { StoredClaim } from '../../../core/domain/claim'
import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid, VolumeKey } from '../../../core/domain/ids'
import { rulesOut } from '../../../core/mirror/split'
import type { VolumeRecord } from '../../../core/domain/volume'
import type { SplitVolume } from '../../../wire/split'
import type { Keeping, SplitHere } from '../../../wire/split-report'
import type { Catalogue } from '../catalogue'
import { asVm } from '../datapath'
import type { Fleet } from '../fleet'
import { hostNameOf, vmNameOf } from '../names'
import type { HostParts } from '../parts'
import { inventoryNow, witnessed } from '../situation'

export interface SplitNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly isAlive: (host: HostUuid) => boolean
}

const PEER_LIMIT_MS = 5000

/** A protected VM, the hosts that keep its replicas, and what each of their workers knows. */
export interface SplitVm {
  readonly vm: VmUuid
  readonly name: string
  readonly stored: StoredClaim
  readonly records: readonly VolumeRecord[]
  readonly sides: readonly SplitSide[]
}

export interface SplitSide {
  readonly host: HostUuid
  readonly name: string
  /** Null: it does not answer. */
  readonly volumes: readonly SplitVolume[] | null
  /** See SplitApi. */
  readonly apart: string
  readonly keeping: Keeping | null
}

/** Throws a Refusal for a VM that is unknown or not protected. */
export async function splitVm(needs: SplitNeeds, text: string): Promise<Omit<SplitVm, 'sides'>> {
  const { parts, catalogue } = needs
  const vm = asVm(text)
  if (!inventoryNow(parts).vms.some(({ uuid }) => uuid === vm)) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm })
  const name = vmNameOf(parts, vm)
  const stored = await witnessed(parts, parts.witness.read(vm))
  if (stored === null) throw new Refusal('HOLDFAST_NOT_PROTECTED', { vm: name })
  return { vm, name, stored, records: catalogue.ofVm(vm) }
}

/** The holder first. */
export async function withSides(needs: SplitNeeds, of: Omit<SplitVm, 'sides'>, compare: boolean): Promise<SplitVm> {
  const { holder } = of.stored.claim
  const homes = new Set([holder, ...of.records.flatMap(({ homes: at }) => at)])
  return { ...of, sides: await Promise.all([...homes].map((host) => sideOf(needs, of.vm, host, compare))) }
}

async function sideOf(needs: SplitNeeds, vm: VmUuid, host: HostUuid, compare: boolean): Promise<SplitSide> {
  const { parts } = needs
  const name = hostNameOf(parts, host)
  try {
    const here =
      host === parts.host ? await needs.fleet.ask(vm, 'split', { compare }) : await askedThere(needs, vm, host, compare)
    return { host, name, volumes: here.volumes, apart: here.apart, keeping: 'keeping' in here ? here.keeping : null }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    parts.log.debug('a host does not tell of its replicas', { host, why: error.message })
    return { host, name, volumes: null, apart: '', keeping: null }
  }
}

const askedThere = ({ parts }: SplitNeeds, vm: VmUuid, host: HostUuid, compare: boolean): Promise<SplitHere> =>
  parts.askPeer(host, 'split-here', { vm, compare }, PEER_LIMIT_MS)

export interface DiskRule {
  /** By which its two replicas are not mixed; null when they are, or nobody can tell. */
  readonly rule: string | null
  readonly met: boolean
  readonly known: boolean
}

/** As the holder's worker says; by the heads of both replicas where they have not met. */
export function ruleOf({ sides, stored }: SplitVm, key: VolumeKey): DiskRule {
  const [holder, other] = sides.map(({ volumes }) => volumes?.find((each) => each.key === key))
  if (holder?.seen != null || holder?.met === true) return { rule: holder.seen?.rule ?? null, met: holder.met, known: true }
  if (holder?.own == null || other?.own == null) return { rule: null, met: false, known: false }
  const listed = stored.claim.upToDate[key] ?? []
  const isListed = listed.some((host) => host !== stored.claim.holder)
  return { rule: rulesOut(holder.own, other.own, isListed), met: false, known: true }
}

/** The host that an operator names by uuid or name, if it keeps a replica of the VM. */
export function namedSide({ sides, name }: SplitVm, host: string): SplitSide {
  const found = sides.find((side) => side.host === host || side.name === host)
  if (found !== undefined) return found
  throw refused(
    `VM ${name}`,
    `Host "${host.slice(0, 80)}" keeps no replica of it.`,
    `Name one of these: ${sides.map((side) => side.name).join(', ')}.`,
  )
}

export const refused = (what: string, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_SPLIT_REFUSED', { what, reason, todo })
