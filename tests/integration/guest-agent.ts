/**
 * The toolstack's side of one host, for guest.test.ts: a process in the test's own namespaces that holds a DomainManager and takes
 * one JSON array [method, ...arguments] a line. Answers are {"ok"} or {"error"}, ends of guests {"end"}.
 */
import { createInterface } from 'node:readline'
import { createDomainManager } from '../../lib/lab/guest/domain-manager'
import { runXl } from '../../lib/lab/guest/xl'
import type { DomainDisk, DomainSpec, StandbyWish } from '../../lib/lab/contract'

const [stateDir, socketDir, memoryDir] = process.argv.slice(2)
if (stateDir === undefined || socketDir === undefined || memoryDir === undefined)
  throw new Error('usage: guest-agent STATE-DIR SOCKET-DIR MEMORY-DIR')
const domains = createDomainManager({ stateDir, socketDir, memoryDir })

const tell = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Arguments come from the test, which is type-checked against this table. */
export const agentMethods = {
  watch: () => {
    domains.onEnd((domid, vmUuid, end) => tell({ end: { domid, vmUuid, end } }))
    return Promise.resolve()
  },
  create: (spec: DomainSpec) => domains.create(spec),
  unpause: (domid: number) => domains.unpause(domid),
  pause: (domid: number) => domains.pause(domid),
  shutdown: (domid: number, timeoutMs: number) => domains.shutdown(domid, timeoutMs),
  destroy: (domid: number) => domains.destroy(domid),
  plugDisk: (domid: number, disk: DomainDisk) => domains.plugDisk(domid, disk),
  unplugDisk: (domid: number, userdevice: string) => domains.unplugDisk(domid, userdevice),
  list: () => domains.list(),
  /** Of one that runs here; its disks are to be as long as `diskBytes` says. */
  prepare: async (domid: number, diskBytes: number, wish: StandbyWish) => {
    const { spec, slots } = await domains.standbys.likenessOf(domid)
    const disks = spec.disks.map((disk) => ({ ...disk, source: { kind: 'awaited' as const, bytes: diskBytes } }))
    return domains.standbys.prepare({ spec: { ...spec, disks }, slots }, wish)
  },
  arrive: (domid: number) => domains.standbys.arrive(domid),
  endStandby: (domid: number) => domains.standbys.end(domid),
  standbys: () => domains.standbys.list(),
  consoleText: (domid: number) => domains.consoleText(domid),
  xl: (...argv: string[]) => runXl(argv, createDomainManager({ stateDir, socketDir, memoryDir })),
}
export type AgentMethods = typeof agentMethods

createInterface({ input: process.stdin }).on('line', (line) => {
  const [method, ...args] = JSON.parse(line) as [keyof AgentMethods, ...unknown[]]
  const run = agentMethods[method] as (...args: unknown[]) => Promise<unknown>
  run(...args).then(
    (value) => tell({ ok: value ?? null }),
    (error: unknown) => tell({ error: String(error) }),
  )
})
