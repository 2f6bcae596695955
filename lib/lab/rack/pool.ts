/** The pool that a new lab describes: uuids, addresses and times, the same on every host. */
import { randomUUID } from 'node:crypto'
import type { ConfigGiven, HostAddresses } from '../../wire/config'
import { type HostUuid, hostUuid } from '../../core/domain/ids'
import type { HostDescription, LabTimes, PoolDescription } from '../contract'
import { bmcSwitch } from './bmc-switch'
import { hostName, hostNics, WITNESS_ADDRESSES } from '../net/plan'
import type { LabSettings } from './settings'

const GIB = 1024 ** 3
export const WITNESS_PORT = 7788

/** As the real xapi was measured. */
export const REAL_TIMES: LabTimes = {
  deadHostCallMs: 130_000,
  deadHostProbeMs: 2_000,
  promotionFuseMs: 10_000,
  promotionRestartMs: 1_500,
  recoverSlavesMs: 10_200,
  databaseBackupMs: 300_000,
}

export function describePool(hosts: number, times: Partial<LabTimes>): PoolDescription {
  return {
    poolUuid: randomUUID(),
    poolName: 'lab',
    rootPassword: 'holdfast',
    hosts: Array.from({ length: hosts }, (_, index) => describeHost(index + 1)),
    times: { ...REAL_TIMES, ...times },
  }
}

function describeHost(number: number): HostDescription {
  const nics = hostNics(number)
  return { uuid: randomUUID(), name: hostName(number), address: nics[0]?.address ?? '', memoryBytes: 4 * GIB, nics }
}

type Configured = Pick<LabSettings, 'pool' | 'bmc' | 'alternate' | 'config'>

/** What the product is told at installation: /etc/holdfast/config.json. */
export function holdfastConfig({ pool, bmc, alternate, config }: Configured): ConfigGiven {
  const hosts: Record<HostUuid, HostAddresses> = {}
  for (const host of pool.hosts) {
    hosts[hostUuid(host.uuid)] = {
      name: host.name,
      management: host.address,
      alinks: host.nics.filter(({ network }) => network.startsWith('alink')).map(({ address }) => address),
    }
  }
  // Guests are QEMU's here, whose client reconnects.
  const common = { format: 1, pool: pool.poolUuid, diskClients: 'reconnect' } as const
  const power = Object.fromEntries(pool.hosts.map(({ uuid }, index) => [uuid, bmcSwitch(index)]))
  const witnesses = {
    witness: `${WITNESS_ADDRESSES.witness}:${WITNESS_PORT}`,
    ...(alternate ? { alternateWitness: `${WITNESS_ADDRESSES.alternate}:${WITNESS_PORT}` } : {}),
  }
  const needed = { ...common, ...witnesses, hosts, ...(bmc ? { power } : {}) }
  return { ...needed, ...config }
}
