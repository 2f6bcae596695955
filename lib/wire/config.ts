import { SUSPECT_AFTER_LEAST_MS, SUSPECT_AFTER_MOST_MS, SUSPECT_AFTER_MS } from '../core/domain/heartbeat'
import { hostUuid, type HostUuid } from '../core/domain/ids'
import { resyncSettings, type ResyncSettings } from './resync-settings'
import { fields, id, jsonObject, list, Malformed, oneOf, text, wholeNumber } from './shape'

/** /etc/holdfast/config.json, the same text on every host of the pool. */
export interface HoldfastConfig {
  readonly format: 1
  /** The pool's uuid, so that one witness can serve several pools. */
  readonly pool: string
  /** host:port of the witness. */
  readonly witness: string
  readonly hosts: Readonly<Record<HostUuid, HostAddresses>>
  /** What the hosts' disk clients do when their connection ends: connect again and repeat, or nothing, so that a front has to. */
  readonly diskClients: DiskClients
  readonly resync: ResyncSettings
  /** A host is suspected when it has been silent on every link for so long. Milliseconds. */
  readonly suspectAfterMs: number
}

export interface HostAddresses {
  readonly name: string
  readonly management: string
  /** Addresses on the replication links (A-links), in the same order on every host. */
  readonly alinks: readonly string[]
}

const DISK_CLIENTS = ['front', 'reconnect'] as const
export type DiskClients = (typeof DISK_CLIENTS)[number]

const LINKS_MAX = 16
const KNOWN = ['format', 'pool', 'witness', 'hosts', 'diskClients', 'resync', 'suspectAfterMs']

/** A front does for every client; only those that reconnect do without. Throws Malformed, which names what is wrong. */
export function holdfastConfig(json: string): HoldfastConfig {
  const config = jsonObject(json)
  if (config['format'] !== 1) throw new Malformed('format is not 1')
  const strange = Object.keys(config).find((name) => !KNOWN.includes(name))
  if (strange !== undefined) throw new Malformed(`${strange.slice(0, 40)} is not a setting`)
  const { pool, witness, hosts, diskClients = 'front', resync = {}, suspectAfterMs = SUSPECT_AFTER_MS } = config
  return {
    format: 1,
    pool: text(pool, 'pool'),
    witness: text(witness, 'witness'),
    hosts: Object.fromEntries(
      Object.entries(fields(hosts, 'hosts')).map(([uuid, host]) => [
        id(hostUuid, uuid, 'the name of a host'),
        addresses(host, uuid),
      ]),
    ),
    diskClients: oneOf(DISK_CLIENTS, diskClients, 'diskClients'),
    resync: resyncSettings(fields(resync, 'resync')),
    suspectAfterMs: suspicion(suspectAfterMs),
  }
}

function suspicion(value: unknown): number {
  const ms = wholeNumber(value, 'suspectAfterMs')
  if (ms >= SUSPECT_AFTER_LEAST_MS && ms <= SUSPECT_AFTER_MOST_MS) return ms
  throw new Malformed(`suspectAfterMs is ${ms}. It must be between ${SUSPECT_AFTER_LEAST_MS} and ${SUSPECT_AFTER_MOST_MS}.`)
}

function addresses(value: unknown, uuid: string): HostAddresses {
  const { name, management, alinks = [] } = fields(value, `hosts.${uuid}`)
  return {
    name: text(name, `name of host ${uuid}`),
    management: text(management, `management of host ${uuid}`),
    alinks: list(alinks, `alinks of host ${uuid}`, LINKS_MAX).map((address) => text(address, `an A-link of host ${uuid}`)),
  }
}
