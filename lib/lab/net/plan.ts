/** Who has which wire and address. Labs have network namespaces of their own, so that every lab uses the same addresses. */
import type { NicDescription } from '../contract'
import type { Link } from '../faults/fault'

/** The switch's bridge of each network, in the order of a host's eth0 ... eth3. */
export const NETWORKS: readonly { readonly link: Link; readonly bridge: string; readonly prefix: string }[] = [
  { link: 'management', bridge: 'mgmt', prefix: '10.77.0' },
  { link: 'alink0', bridge: 'alink0', prefix: '10.77.1' },
  { link: 'alink1', bridge: 'alink1', prefix: '10.77.2' },
  { link: 'production', bridge: 'prod', prefix: '10.77.3' },
]
export const MASK = '255.255.255.0'
/** The preferred one, and in a lab with two the one beside it. */
export const WITNESSES = ['witness', 'alternate'] as const
export type WitnessName = (typeof WITNESSES)[number]
export const WITNESS_ADDRESSES: Readonly<Record<WitnessName, string>> = { witness: '10.77.0.250', alternate: '10.77.0.248' }
export const BMC_ADDRESS = '10.77.0.249'
export const CLIENT_ADDRESS = '10.77.3.250'
export const CLIENT_MANAGEMENT_ADDRESS = '10.77.0.251'
/** Guests of the production network take addresses from .10 to .199; hosts count from .1 on the others. */
export const HOSTS_MAX = 16

export const hostName = (number: number): string => `h${number}`

/** One end of a wire: the NIC inside the place, and the port on the switch. */
export interface Wire {
  readonly device: string
  readonly port: string
  readonly switchBridge: string
  readonly link: Link
  readonly mac: string
  /** Empty: none. */
  readonly address: string
  /** The place's own bridge above the NIC, which then has the address; null: the NIC itself has it. */
  readonly bridge: string | null
}

/** eth0 ... eth3 of host number 1, 2, ...; production has no address, as on a XenServer host. */
export function hostNics(number: number): NicDescription[] {
  return NETWORKS.map(({ link, prefix }, index) => ({
    device: `eth${index}`,
    mac: macOf(number, index),
    address: link === 'production' ? '' : `${prefix}.${number}`,
    netmask: link === 'production' ? '' : MASK,
    network: link,
    bridge: `xenbr${index}`,
  }))
}

export function hostWires(name: string, nics: readonly NicDescription[]): Wire[] {
  return nics.map((nic) => ({
    device: nic.device,
    port: `${name}-${nic.device}`,
    switchBridge: bridgeOf(nic.network),
    link: nic.network,
    mac: nic.mac,
    address: nic.address,
    bridge: nic.bridge,
  }))
}

export const WITNESS_WIRES: Readonly<Record<WitnessName, readonly Wire[]>> = {
  witness: [plain('witness', 'eth0', 'management', 250, WITNESS_ADDRESSES.witness)],
  alternate: [plain('alternate', 'eth0', 'management', 248, WITNESS_ADDRESSES.alternate)],
}
/** The power switches of all hosts. */
export const BMC_WIRES: readonly Wire[] = [plain('bmc', 'eth0', 'management', 249, BMC_ADDRESS)]
export const CLIENT_WIRES: readonly Wire[] = [
  plain('client', 'eth0', 'production', 251, CLIENT_ADDRESS),
  plain('client', 'eth1', 'management', 252, CLIENT_MANAGEMENT_ADDRESS),
]

function plain(place: string, device: string, link: Link, number: number, address: string): Wire {
  const port = `${place}-${device}`
  return { device, port, switchBridge: bridgeOf(link), link, mac: macOf(number, 0), address, bridge: null }
}

function bridgeOf(link: Link): string {
  const network = NETWORKS.find((candidate) => candidate.link === link)
  return network?.bridge ?? link
}

/** Locally administered (second hex digit 2): never a real card's. */
function macOf(host: number, nic: number): string {
  return `02:77:00:00:${hex(host)}:${hex(nic)}`
}
function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
