/** Three hosts of the lab in one process: a real database, real storage drivers and hooks in temporary roots, state-only machines. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError, type CallContext, type HostOperations, NULL_REF, type Ref, type Value } from '../../../../lib/lab/contract'
import { fromJson, text } from '../../../../lib/lab/values'
import { PoolDatabase } from '../../../../lib/lab/xapi/database/database'
import { toolOperations } from '../../../../lib/lab/xapi/plugin/operations'
import { storageMethods } from '../../../../lib/lab/xapi/storage'
import { vmMethods } from '../../../../lib/lab/xapi/vm'
import { type HostPart, createHostOperations } from '../../../../lib/lab/xapi/vm/host-operations'
import { createCoordinatorOperations } from '../../../../lib/lab/xapi/vm/reports'
import { StateDomains } from './domains'

export interface TestHost {
  readonly ref: Ref
  readonly uuid: string
  readonly root: string
  readonly domains: StateDomains
  part: HostPart
  dead: boolean
}

const GiB = 2 ** 30
const METHODS = { ...vmMethods, ...storageMethods }

export class TestPool {
  readonly db = new PoolDatabase()
  readonly folder = mkdtempSync(join(tmpdir(), 'machines-'))
  readonly hosts: TestHost[] = []
  readonly progress: number[] = []
  network: Ref = NULL_REF
  private running = true
  private readonly coordinator: HostOperations

  private constructor() {
    this.coordinator = createCoordinatorOperations(() => this.context())
  }

  static async of(hosts: number): Promise<TestPool> {
    const pool = new TestPool()
    pool.network = pool.db.create('network', { name_label: 'production', bridge: 'xenbr3' })
    for (let number = 1; number <= hosts; number++) await pool.addHost(`host${number}`)
    return pool
  }

  close(): void {
    this.running = false
    rmSync(this.folder, { recursive: true })
  }

  get first(): TestHost {
    return this.host(0)
  }

  host(index: number): TestHost {
    const host = this.hosts[index]
    if (host === undefined) throw new Error(`no host ${index}`)
    return host
  }

  /** Calls a method of the API; arguments and answer go through JSON as on the wire. */
  async call(method: string, ...args: Value[]): Promise<Value> {
    const known = METHODS[method]
    if (known === undefined) throw new Error(`no method ${method}`)
    expect(args).toHaveLength(known.params.length)
    return fromJson(JSON.parse(JSON.stringify(await known.run(this.context(), args))))
  }

  text(cls: string, ref: Ref, field: string): string {
    return text(this.db.get(cls, ref, field))
  }

  /** The error a call ends with, as [code, ...params]. */
  async refusal(method: string, ...args: Value[]): Promise<readonly string[]> {
    try {
      await this.call(method, ...args)
    } catch (error) {
      if (error instanceof ApiError) return [error.code, ...error.params]
      throw error
    }
    throw new Error(`${method} was not refused`)
  }

  async vm(name: string, more: { [field: string]: Value } = {}): Promise<Ref> {
    const memory = { memory_static_max: GiB, memory_dynamic_max: GiB, memory_dynamic_min: GiB, memory_static_min: 0 }
    const boot = {
      PV_kernel: '/k',
      PV_ramdisk: '/r',
      PV_args: 'quiet',
      PV_bootloader: '',
      PV_bootloader_args: '',
      PV_legacy_args: '',
    }
    const ends = { actions_after_shutdown: 'destroy', actions_after_reboot: 'restart', actions_after_crash: 'restart' }
    const hvm = { HVM_boot_policy: '', HVM_boot_params: {}, platform: {}, PCI_bus: '', recommendations: '', other_config: {} }
    const cpus = {
      VCPUs_params: {},
      VCPUs_max: 1,
      VCPUs_at_startup: 1,
      user_version: 1,
      is_a_template: false,
      affinity: NULL_REF,
    }
    return text(await this.call('VM.create', { name_label: name, ...memory, ...boot, ...ends, ...hvm, ...cpus, ...more }))
  }

  async sr(host: TestHost, type: string, config: { [key: string]: Value }, shared = false): Promise<Ref> {
    return text(await this.call('SR.create', host.ref, config, 0, 'sr', '', type, 'user', shared, {}))
  }

  async vdi(sr: Ref, bytes: number): Promise<Ref> {
    const flags = { type: 'user', sharable: false, read_only: false, other_config: {} }
    return text(await this.call('VDI.create', { SR: sr, name_label: 'disk', virtual_size: bytes, ...flags }))
  }

  async vbd(vm: Ref, vdi: Ref, userdevice = '0'): Promise<Ref> {
    const qos = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
    const kind = { bootable: true, mode: 'RW', type: 'Disk', empty: false }
    return text(await this.call('VBD.create', { VM: vm, VDI: vdi, userdevice, ...kind, ...qos }))
  }

  async vif(vm: Ref): Promise<Ref> {
    const qos = { qos_algorithm_type: '', qos_algorithm_params: {}, other_config: {} }
    return text(await this.call('VIF.create', { VM: vm, network: this.network, device: '0', MAC: '', MTU: 1500, ...qos }))
  }

  /** Puts an executable shell script below a host's root. */
  script(host: TestHost, path: string, program: string): void {
    const file = join(host.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, program)
    chmodSync(file, 0o755)
  }

  /** Makes every host log its hooks; `exits` maps hook folders to exit codes. */
  logHooks(hooks: readonly string[], exits: { [hook: string]: number } = {}): void {
    for (const host of this.hosts)
      for (const hook of hooks) {
        const line = `echo "${host.uuid} ${hook} $*" >> ${this.folder}/hooks.log`
        this.script(host, `etc/xapi.d/${hook}/50test`, `#!/bin/sh\n${line}\necho said\nexit ${exits[hook] ?? 0}\n`)
      }
  }

  hooksRun(): string[] {
    return readFileSync(join(this.folder, 'hooks.log'), 'utf8').trim().split('\n')
  }

  /** The host's xapi process ends and another takes its place; its machines go on. */
  async restartXapi(host: TestHost): Promise<void> {
    host.part = await this.partOf(host)
    await host.part.announceStart()
  }

  vmFields(vm: Ref): { [field: string]: Value } {
    const { power_state, resident_on, scheduled_to_be_resident_on, domid, current_operations } = this.db.record('VM', vm)
    return { power_state, resident_on, scheduled_to_be_resident_on, domid, current_operations } as { [field: string]: Value }
  }

  private async addHost(uuid: string): Promise<void> {
    const metrics = this.db.create('host_metrics', { live: true, memory_total: 8 * GiB })
    const ref = this.db.create('host', { uuid, name_label: uuid, hostname: uuid, enabled: true, metrics })
    this.db.create('VM', {
      is_control_domain: true,
      resident_on: ref,
      power_state: 'Running',
      domid: 0,
      name_label: `dom0 of ${uuid}`,
    })
    const root = join(this.folder, uuid)
    mkdirSync(root)
    const bare = { ref, uuid, root, domains: new StateDomains(), dead: false }
    this.hosts.push({ ...bare, part: await this.partOf(bare) })
  }

  private partOf(host: Pick<TestHost, 'domains' | 'root' | 'uuid'>): Promise<HostPart> {
    return createHostOperations({
      domains: host.domains,
      standbys: host.domains.standbys,
      root: host.root,
      hostUuid: host.uuid,
      tellCoordinator: (operation, args) => this.perform(this.coordinator, operation, args),
      stillRunning: () => this.running,
    })
  }

  private async perform(operations: HostOperations, operation: string, args: { [key: string]: Value }): Promise<Value> {
    const known = operations[operation]
    if (known === undefined) throw new Error(`no operation ${operation}`)
    const sent = JSON.parse(JSON.stringify(args)) as { [key: string]: Value }
    return fromJson(JSON.parse(JSON.stringify(await known(sent))))
  }

  context(): CallContext {
    const times = { deadHostCallMs: 300, deadHostProbeMs: 20, promotionFuseMs: 0, promotionRestartMs: 0 }
    return {
      db: this.db,
      session: NULL_REF,
      task: NULL_REF,
      here: this.first.ref,
      times: { ...times, recoverSlavesMs: 0, databaseBackupMs: 0 },
      setProgress: (fraction) => void this.progress.push(fraction),
      agentOf: (ref) => ({
        perform: async (operation, args) => {
          const host = this.hosts.find((one) => one.ref === ref)
          if (host === undefined) throw new Error(`no host ${ref}`)
          if (host.dead) {
            await wait(300)
            throw new ApiError('CANNOT_CONTACT_HOST', ref)
          }
          return this.perform({ ...toolOperations(host.root), ...host.part.operations }, operation, args)
        },
      }),
    }
  }
}
