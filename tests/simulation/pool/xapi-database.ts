import type { HostUuid, SrUuid, VmUuid } from '../../../lib/core/domain/ids'
import { HOLDFAST_SR_TYPE, type InventoryVm, type PoolInventory, type PowerState } from '../../../lib/core/domain/inventory'
import { LEVEL_KEY } from '../../../lib/core/policy/protection'
import { POOL } from './names'
import { SR } from './storage'
import type { Vm } from './vm'

const GIB = 2 ** 30

export interface VmRow {
  powerState: PowerState
  residentOn: HostUuid | null
  domid: string
  affinity: HostUuid | null
  readonly operations: Map<string, string>
  readonly otherConfig: Map<string, string>
}

/** What the coordinator's XAPI knows, and its members have copies of. */
export class Database {
  readonly vms = new Map<VmUuid, VmRow>()

  static of(vms: readonly Vm[], homes: (vm: Vm) => HostUuid): Database {
    const database = new Database()
    for (const vm of vms) {
      const row = { powerState: 'Halted', residentOn: null, domid: '-1', affinity: homes(vm) } as const
      database.vms.set(vm.uuid, { ...row, operations: new Map(), otherConfig: new Map([[LEVEL_KEY, 'restart']]) })
    }
    return database
  }

  /** Without what was under way. */
  copy(): Database {
    const copy = new Database()
    for (const [uuid, row] of this.vms)
      copy.vms.set(uuid, { ...row, operations: new Map(), otherConfig: new Map(row.otherConfig) })
    return copy
  }

  inventory(coordinator: HostUuid, hosts: readonly HostUuid[], vms: readonly Vm[]): PoolInventory {
    return {
      ...{ pool: POOL, name: 'pool', coordinator, haEnabled: false, otherConfig: {} },
      hosts: hosts.map((uuid) => ({
        ...{ uuid, name: uuid.slice(0, 1), address: uuid, enabled: true, live: true },
        ...{ memoryTotalBytes: 64 * GIB, memoryControlBytes: GIB },
      })),
      vms: vms.flatMap((vm) => {
        const row = this.vms.get(vm.uuid)
        return row === undefined ? [] : [viewOf(vm, row)]
      }),
      srs: [
        {
          ...{ uuid: SR as SrUuid, name: 'holdfast', type: HOLDFAST_SR_TYPE, shared: true, pluggedOn: hosts },
          ...{ sizeBytes: 1000 * GIB, usedBytes: 0 },
        },
      ],
    }
  }
}

function viewOf(vm: Vm, row: VmRow): InventoryVm {
  const { powerState, residentOn, domid, affinity, operations, otherConfig } = row
  return {
    ...{
      uuid: vm.uuid,
      name: `vm${vm.index}`,
      powerState,
      residentOn,
      domid: Number(domid),
      affinity,
      memoryBytes: GIB,
      order: 0,
    },
    ...{
      startDelaySeconds: 0,
      operations: [...operations.values()],
      otherConfig: Object.fromEntries(otherConfig),
      tags: [],
      nics: [],
      passthrough: [],
    },
    disks: [
      {
        ...{ userdevice: '0', vdi: vm.volume, vdiName: 'disk', sr: SR as SrUuid, srType: HOLDFAST_SR_TYPE, location: vm.volume },
        ...{ sizeBytes: vm.plan.sizeBytes, mode: 'RW', attached: powerState === 'Running', attachedElsewhere: [] },
      },
    ],
  }
}
