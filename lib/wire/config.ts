import { SUSPECT_AFTER_LEAST_MS, SUSPECT_AFTER_MOST_MS, SUSPECT_AFTER_MS } from '../core/domain/heartbeat'
import { hostUuid, type HostUuid } from '../core/domain/ids'
import { LEASE_MS } from '../core/domain/lease'
import type { WithoutQuorum } from '../core/domain/without-quorum'
import { HOST_WATCHDOG, type HostWatchdogSettings, hostWatchdogSettings } from './host-watchdog-settings'
import { type PowerSettings, powerSettings } from './power-settings'
import { resyncSettings, type ResyncSettings } from './resync-settings'
import { type Fields, fields, id, jsonObject, list, Malformed, oneOf, text, wholeNumber } from './shape'
import { type WitnessSettings, witnessSettings } from './witness-settings'

/** /etc/holdfast/config.json, the same text on every host of the pool. */
export interface HoldfastConfig extends WitnessSettings {
  readonly format: 1
  /** The pool's uuid, so that one witness can serve several pools. */
  readonly pool: string
  readonly hosts: Readonly<Record<HostUuid, HostAddresses>>
  /** What the hosts' disk clients do when their connection ends: connect again and repeat, or nothing, so that a front has to. */
  readonly diskClients: DiskClients
  readonly resync: ResyncSettings
  /** A host is suspected when it has been silent on every link for so long. Milliseconds. */
  readonly suspectAfterMs: number
  /** A VM whose secondary has been silent for so long gets another one, where the pool has one. Milliseconds; 0: never by itself. */
  readonly reprotectAfterMs: number
  readonly withoutQuorum: WithoutQuorum
  /** Goes on where two hosts are equal in all that counts more; null: none is. */
  readonly preferredSurvivor: HostUuid | null
  readonly hostWatchdog: HostWatchdogSettings
  /** How hosts are switched off; one that is not named cannot be. */
  readonly power: PowerSettings
}

export interface HostAddresses {
  readonly name: string
  readonly management: string
  /** Addresses on the replication links (A-links), in the same order on every host. */
  readonly alinks: readonly string[]
}

const DISK_CLIENTS = ['front', 'reconnect'] as const
export type DiskClients = (typeof DISK_CLIENTS)[number]

/** What becomes of a guest whose host reaches neither the witness nor the peer: waits, ends, or goes on where the operator took the risk. */
export const WITHOUT_QUORUM = ['freeze', 'stop', 'continue'] as const satisfies readonly WithoutQuorum[]

/** What a configuration must name. */
type Needed = Pick<HoldfastConfig, 'format' | 'pool' | 'witness' | 'hosts'>
/** As it may be written down. */
export type ConfigGiven = Needed & Partial<HoldfastConfig>

/** A host that only restarts its daemon is back by then; one that boots may not be. */
const REPROTECT_AFTER_MS = 60_000
/** Less, and links that come and go would move copies about. */
const REPROTECT_AFTER_LEAST_MS = 1000
const REPROTECT_AFTER_MOST_MS = 604_800_000

/** What it leaves out, where the witness is one of ours. */
export const USUAL_CONFIG: Omit<HoldfastConfig, keyof Needed> = {
  alternateWitness: null,
  witnessTls: null,
  leaseMs: LEASE_MS,
  diskClients: 'front',
  resync: {},
  suspectAfterMs: SUSPECT_AFTER_MS,
  reprotectAfterMs: REPROTECT_AFTER_MS,
  withoutQuorum: 'freeze',
  preferredSurvivor: null,
  hostWatchdog: HOST_WATCHDOG,
  power: {},
}

const LINKS_MAX = 16
const KNOWN = ['format', 'pool', 'witness', 'hosts', ...Object.keys(USUAL_CONFIG)]

/** A front does for every client; only those that reconnect do without. Throws Malformed, which names what is wrong. */
export function holdfastConfig(json: string): HoldfastConfig {
  const given = jsonObject(json)
  if (given['format'] !== 1) throw new Malformed('format is not 1')
  const strange = Object.keys(given).find((name) => !KNOWN.includes(name))
  if (strange !== undefined) throw new Malformed(`${strange.slice(0, 40)} is not a setting`)
  const set: Fields = { ...USUAL_CONFIG, ...given }
  const hosts = hostsOf(fields(set['hosts'], 'hosts'))
  const config: HoldfastConfig = {
    format: 1,
    pool: text(set['pool'], 'pool'),
    ...witnessSettings(given),
    hosts,
    diskClients: oneOf(DISK_CLIENTS, set['diskClients'], 'diskClients'),
    resync: resyncSettings(fields(set['resync'], 'resync')),
    suspectAfterMs: suspicion(set['suspectAfterMs']),
    reprotectAfterMs: patience(set['reprotectAfterMs']),
    withoutQuorum: oneOf(WITHOUT_QUORUM, set['withoutQuorum'], 'withoutQuorum'),
    preferredSurvivor: set['preferredSurvivor'] === null ? null : id(hostUuid, set['preferredSurvivor'], 'preferredSurvivor'),
    hostWatchdog: hostWatchdogSettings(fields(set['hostWatchdog'], 'hostWatchdog')),
    power: powerSettings(fields(set['power'], 'power')),
  }
  assertKnown(config.preferredSurvivor === null ? [] : [config.preferredSurvivor], hosts, 'preferredSurvivor')
  assertKnown(Object.keys(config.power), hosts, 'power')
  return config
}

function assertKnown(uuids: readonly string[], hosts: HoldfastConfig['hosts'], place: string): void {
  const stranger = uuids.find((uuid) => !(uuid in hosts))
  if (stranger !== undefined) throw new Malformed(`${place} names ${stranger}, which is none of hosts`)
}

const hostsOf = (given: Fields): HoldfastConfig['hosts'] =>
  Object.fromEntries(
    Object.entries(given).map(([uuid, host]) => [id(hostUuid, uuid, 'the name of a host'), addresses(host, uuid)]),
  )

function suspicion(value: unknown): number {
  const ms = wholeNumber(value, 'suspectAfterMs')
  if (ms >= SUSPECT_AFTER_LEAST_MS && ms <= SUSPECT_AFTER_MOST_MS) return ms
  throw new Malformed(`suspectAfterMs is ${ms}. It must be between ${SUSPECT_AFTER_LEAST_MS} and ${SUSPECT_AFTER_MOST_MS}.`)
}

function patience(value: unknown): number {
  const ms = wholeNumber(value, 'reprotectAfterMs')
  if (ms === 0 || (ms >= REPROTECT_AFTER_LEAST_MS && ms <= REPROTECT_AFTER_MOST_MS)) return ms
  const range = `between ${REPROTECT_AFTER_LEAST_MS} and ${REPROTECT_AFTER_MOST_MS}`
  throw new Malformed(`reprotectAfterMs is ${ms}. It must be 0 (never), or ${range}.`)
}

function addresses(value: unknown, uuid: string): HostAddresses {
  const { name, management, alinks = [] } = fields(value, `hosts.${uuid}`)
  return {
    name: text(name, `name of host ${uuid}`),
    management: text(management, `management of host ${uuid}`),
    alinks: list(alinks, `alinks of host ${uuid}`, LINKS_MAX).map((address) => text(address, `an A-link of host ${uuid}`)),
  }
}
