import { LEASE_MS } from '../core/domain/lease'
import { etcdEndpoints } from './etcd'
import { type Fields, fields, Malformed, text, wholeNumber } from './shape'

/** Files by which a host and etcd know each other: the authority that signed etcd's certificates, and the host's own. */
export interface WitnessTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Who keeps the claims, and for how long a holder is heard. */
export interface WitnessSettings {
  /** `host:port` of a witness of ours, or an etcd cluster: `etcd+https://a:2379,b:2379,c:2379`. */
  readonly witness: string
  /** A second one, in the same forms, which takes over from the first; null: none. */
  readonly alternateWitness: string | null
  /** Names of files; null: there is no etcd with TLS. */
  readonly witnessTls: WitnessTls | null
  /** Lease of the claims that are made from now on. Milliseconds. */
  readonly leaseMs: number
}

/** Every renewal is a write that most of etcd's members must agree on, and a new leader takes it a second to find. */
export const ETCD_LEASE_MS = 4000
/** Shorter: the margin for the guest's pause is a quarter of it. Longer: a dead host's VMs wait for a minute. */
export const LEASE_BOUNDS_MS = { least: 1000, most: 60_000 } as const

const HOST_AND_PORT = /^(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/
const PORT_MAX = 65_535
const ADDRESS_LENGTH_MAX = 1000
const PATH_LENGTH_MAX = 4096

export const isEtcd = (address: string): boolean => address.startsWith('etcd+')

/** `witness`, `alternateWitness`, `witnessTls` and `leaseMs` of a configuration. Throws Malformed, which names what is wrong. */
export function witnessSettings(given: Fields): WitnessSettings {
  const { alternateWitness = null, witnessTls = null, leaseMs } = given
  const witness = witnessAddress(given['witness'], 'witness')
  const alternate = alternateWitness === null ? null : witnessAddress(alternateWitness, 'alternateWitness')
  const addresses = alternate === null ? [witness] : [witness, alternate]
  if (witness === alternate) throw new Malformed('alternateWitness is the witness itself. Two must not end together')
  const tls = witnessTls === null ? null : tlsFiles(fields(witnessTls, 'witnessTls'))
  if (tls === null && addresses.some((address) => address.startsWith('etcd+https:')))
    throw new Malformed('witnessTls is missing. etcd+https needs the files {"ca": ..., "cert": ..., "key": ...}')
  return {
    ...{ witness, alternateWitness: alternate, witnessTls: tls },
    leaseMs: leaseMs === undefined ? usualLeaseMs(addresses) : lease(leaseMs),
  }
}

/** Throws Malformed. */
export function witnessAddress(value: unknown, place: string): string {
  const address = text(value, place, ADDRESS_LENGTH_MAX)
  if (isEtcd(address)) etcdEndpoints(address)
  else {
    const port = Number(HOST_AND_PORT.exec(address)?.[1] ?? 0)
    if (port < 1 || port > PORT_MAX) throw new Malformed(`${place} is neither HOST:PORT nor etcd+https://HOST:PORT,HOST:PORT,...`)
  }
  return address
}

const usualLeaseMs = (addresses: readonly string[]): number => (addresses.some(isEtcd) ? ETCD_LEASE_MS : LEASE_MS)

function lease(value: unknown): number {
  const ms = wholeNumber(value, 'leaseMs')
  const { least, most } = LEASE_BOUNDS_MS
  if (ms < least || ms > most) throw new Malformed(`leaseMs is ${ms}. It must be between ${least} and ${most}.`)
  return ms
}

function tlsFiles(given: Fields): WitnessTls {
  const { ca, cert, key, ...rest } = given
  const [strange] = Object.keys(rest)
  if (strange !== undefined) throw new Malformed(`witnessTls.${strange.slice(0, 40)} is not a setting`)
  return { ca: path(ca, 'witnessTls.ca'), cert: path(cert, 'witnessTls.cert'), key: path(key, 'witnessTls.key') }
}

function path(value: unknown, place: string): string {
  const name = text(value, place, PATH_LENGTH_MAX)
  if (!name.startsWith('/')) throw new Malformed(`${place} is not an absolute path`)
  return name
}
