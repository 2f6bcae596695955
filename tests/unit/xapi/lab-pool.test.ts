import { hostUuid, vmUuid, type HostUuid, type VmUuid } from '../../../lib/core/domain/ids'
import { Failover, type FailoverEvent } from '../../../lib/core/failover/failover'
import { LoopbackPool, SHORT_TIMES, type LoopbackHost } from '../../../lib/lab/xapi/conformance/loopback-pool'
import type { XapiPort } from '../../../lib/ports/xapi'
import { bundled } from './bundled'

const { actOnXapi, connectXapi } = bundled()
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

let pool: LoopbackPool
let hosts: readonly [LoopbackHost, LoopbackHost]
let ports: XapiPort[]

const first = (): LoopbackHost => hosts[0]
const second = (): LoopbackHost => hosts[1]
const idOf = (host: LoopbackHost): HostUuid => hostUuid(host.description.uuid)

function connect(host: LoopbackHost): XapiPort {
  const port = connectXapi({ door: { socketPath: host.socketPath }, log: quiet })
  ports.push(port)
  return port
}

function until(port: XapiPort, what: string, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`never came: ${what}`)), 30_000)
    const look = (): void => {
      if (!holds()) return
      clearTimeout(timer)
      resolve()
    }
    port.onChange(look)
    look()
  })
}

const VM_FIELDS = {
  ...{ name_label: 'orders', name_description: '', user_version: 1, is_a_template: false, affinity: 'OpaqueRef:NULL' },
  ...{ memory_static_max: 2 ** 28, memory_dynamic_max: 2 ** 28, memory_dynamic_min: 2 ** 28, memory_static_min: 2 ** 28 },
  ...{ VCPUs_params: {}, VCPUs_max: 1, VCPUs_at_startup: 1 },
  ...{ actions_after_shutdown: 'destroy', actions_after_reboot: 'restart', actions_after_crash: 'restart' },
  ...{ PV_bootloader: '', PV_kernel: '/boot/vmlinuz', PV_ramdisk: '', PV_args: '', PV_bootloader_args: '', PV_legacy_args: '' },
  ...{ HVM_boot_policy: '', HVM_boot_params: {}, platform: {}, PCI_bus: '', other_config: {}, recommendations: '' },
  ...{ ha_always_run: false, ha_restart_priority: '' },
}

/** Makes a VM that runs on the first host, and waits for both views to show it. */
async function runningVm(here: XapiPort): Promise<VmUuid> {
  await until(here, 'two enabled hosts', () => here.inventory()?.hosts.filter(({ enabled }) => enabled).length === 2)
  const ref = await here.call('VM.create', [VM_FIELDS], { deadlineMs: 20_000 })
  await here.call('VM.start_on', [ref, { xapiClass: 'host', uuid: idOf(first()) }, false, false], { deadlineMs: 20_000 })
  await until(here, 'the VM runs', () => here.inventory()?.vms[0]?.powerState === 'Running')
  await here.call('pool.sync_database', [], { deadlineMs: 20_000 })
  return vmUuid(here.inventory()?.vms[0]?.uuid ?? '')
}

beforeEach(async () => {
  ports = []
  pool = await LoopbackPool.make(['h1', 'h2'], 'secret', SHORT_TIMES)
  const [a, b] = pool.hosts
  if (a === undefined || b === undefined) throw new Error('two hosts were asked for')
  hosts = [a, b]
  for (const host of hosts) await pool.powerOn(host)
})
afterEach(async () => {
  await Promise.all(ports.map((port) => port.close()))
  await pool.close()
})

test('coordinator and member show the same pool, and what happens in it', async () => {
  const [here, there] = [connect(first()), connect(second())]
  const vm = await runningVm(here)
  await until(there, 'the VM on the member', () => there.inventory()?.vms[0]?.powerState === 'Running')
  expect(there.inventory()?.vms).toMatchObject([{ uuid: vm, name: 'orders', residentOn: idOf(first()), disks: [] }])
  expect(there.inventory()).toEqual(here.inventory())
}, 60_000)

test('over TCP a member names the coordinator, and the client goes there', async () => {
  const port = connectXapi({ door: { address: second().address, port: pool.port, user: 'root', password: 'secret' }, log: quiet })
  ports.push(port)
  await until(port, 'a view', () => port.reachable)
  expect(port.inventory()?.coordinator).toBe(idOf(first()))
}, 60_000)

/** Does what the failover asks until nothing is left; claims and the election, which are the witness's, are granted. */
async function failOver(machine: Failover, here: XapiPort, start: FailoverEvent): Promise<string[]> {
  const acts: string[] = []
  const working = new Set<Promise<void>>()
  const feed = (event: FailoverEvent): void => {
    for (const effect of machine.apply(event, performance.now())) {
      if (effect.effect === 'record') acts.push(effect.entry.act)
      else if (effect.effect === 'take-over') feed({ type: 'claim-taken', vm: effect.vm, term: 2 })
      else if (effect.effect === 'elect-coordinator') feed({ type: 'election-won' })
      else if (effect.effect !== 'alert') {
        const work = actOnXapi(effect, here, () => Promise.resolve(false)).then((answer) => {
          working.delete(work)
          if (answer !== null) feed(answer)
        })
        working.add(work)
      }
    }
  }
  const end = performance.now() + 40_000
  feed(start)
  while ((!machine.idle || working.size > 0) && performance.now() < end) {
    await Promise.race([...working, new Promise((resolve) => setTimeout(resolve, 50))])
    feed({ type: 'tick' })
  }
  return acts
}

test('the coordinator dies with a VM: this host becomes coordinator and starts it', async () => {
  const away = connect(first())
  const here = connect(second())
  const vm = await runningVm(away)
  await away.close()
  await pool.powerOff(first())
  const lost = [{ vm, name: 'orders', rank: 0, delaySeconds: 0, wasRunning: true }]
  const machine = new Failover(idOf(second()), idOf(first()))
  const acts = await failOver(machine, here, { type: 'host-suspected', host: idOf(first()), evidence: {}, vms: lost })
  expect(acts).toEqual(expect.arrayContaining(['claim-taken', 'coordinator-promoted', 'coordinator-serves', 'vm-restarted']))
  await until(here, 'the VM runs here', () => here.inventory()?.vms[0]?.residentOn === idOf(second()))
  expect(here.inventory()).toMatchObject({
    coordinator: idOf(second()),
    vms: [{ uuid: vm, powerState: 'Running', affinity: idOf(second()) }],
  })
}, 90_000)
