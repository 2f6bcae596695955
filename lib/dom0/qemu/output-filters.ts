/**
 * What holds a guest's output inside QEMU: for each network backend a redirector that writes what the guest sends to a socket, and one that
 * passes on what is read from another; and a mirror that writes a copy of what comes for the guest to a third. A set of them is a generation; the next one stands before it, so that it can be taken away
 * without a moment in which output passes.
 *
 * Must never: take a redirector away while nothing stands before it, unless output may pass.
 */
import { fields, list, text, type Fields } from '../../wire/shape'
import type { QmpSession } from './qmp'

const LIMIT_MS = 5000
const COUNT_MAX = 10_000
const TEXT_MAX = 1_000_000
const NAME = /^holdfast-output-(\d+)-(\d+)-(in|out|came)$/
/** A backend that a device of the guest is connected to, as the monitor for people indents it. */
const BACKEND = /^ \\ ([^:\s]+): index=\d+,type=/

const ask = (qmp: QmpSession, command: string, given: Fields = {}): Promise<unknown> => qmp.execute(command, given, LIMIT_MS)

/** The backends that devices of the guest are connected to, in QEMU's order. Rejects as Qmp does, and with Malformed. */
export async function networkBackends(qmp: QmpSession): Promise<readonly string[]> {
  // No command of the machine protocol lists them.
  const told = text(await ask(qmp, 'human-monitor-command', { 'command-line': 'info network' }), 'network', TEXT_MAX)
  const names = told.split(/\r?\n/).flatMap((line) => BACKEND.exec(line)?.[1] ?? [])
  // One with many queues is told for each of them.
  return [...new Set(names)]
}

/** One socket for each name; QEMU connects to `path` before this resolves. */
export function connectSocket(qmp: QmpSession, name: string, path: string): Promise<unknown> {
  const addr = { type: 'unix', data: { path } }
  return ask(qmp, 'chardev-add', { id: name, backend: { type: 'socket', data: { addr, server: false } } })
}

/** From its answer on nothing of this backend passes. The order matters: what is created last sees what the guest sends first. */
export async function addFilters(qmp: QmpSession, netdev: string, [input, output, came]: FilterNames): Promise<void> {
  const common = { netdev, vnet_hdr_support: true }
  const redirector = { ...common, 'qom-type': 'filter-redirector', queue: 'rx' }
  await ask(qmp, 'object-add', { ...redirector, id: input, indev: input })
  await ask(qmp, 'object-add', { ...redirector, id: output, outdev: output })
  await ask(qmp, 'object-add', { ...common, 'qom-type': 'filter-mirror', queue: 'tx', id: came, outdev: came })
}

/** Those that nobody has removed, whoever made them. */
export interface Filters {
  readonly objects: readonly string[]
  readonly sockets: readonly string[]
}

export async function presentFilters(qmp: QmpSession): Promise<Filters> {
  const [objects, sockets] = await Promise.all([ask(qmp, 'qom-list', { path: '/objects' }), ask(qmp, 'query-chardev')])
  const ours = (names: readonly unknown[]): readonly string[] =>
    names.flatMap((name) => (typeof name === 'string' && NAME.test(name) ? [name] : []))
  return {
    objects: ours(list(objects, 'objects', COUNT_MAX).map((each) => fields(each, 'object')['name'])),
    sockets: ours(list(sockets, 'chardevs', COUNT_MAX).map((each) => fields(each, 'chardev')['label'])),
  }
}

/** Each the name of a filter and of its socket: what is let out, what the guest has sent, what came for it. */
export type FilterNames = readonly [string, string, string]

export const filterNames = (generation: number, nic: number): FilterNames => [
  `holdfast-output-${generation}-${nic}-in`,
  `holdfast-output-${generation}-${nic}-out`,
  `holdfast-output-${generation}-${nic}-came`,
]

export const nextGeneration = ({ objects, sockets }: Filters): number =>
  1 + Math.max(0, ...[...objects, ...sockets].map((name) => Number(NAME.exec(name)?.[1] ?? 0)))

/** Where these were the last ones the guest's output goes its way from then on. */
export async function removeOutputs(qmp: QmpSession, { objects }: Filters): Promise<void> {
  for (const id of objects) if (id.endsWith('-out')) await ask(qmp, 'object-del', { id })
}

/** After their outputs. */
export async function removeRest(qmp: QmpSession, { objects, sockets }: Filters): Promise<void> {
  for (const id of objects) if (!id.endsWith('-out')) await ask(qmp, 'object-del', { id })
  for (const id of sockets) await ask(qmp, 'chardev-remove', { id })
}
