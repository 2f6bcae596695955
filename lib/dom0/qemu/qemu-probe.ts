import type { CaptureFinding } from '../../ports/capture'
import { fields, list, text, wholeNumber, type Fields } from '../../wire/shape'
import { QmpRefused, type QmpSession } from './qmp'

const LIMIT_MS = 5000
const COUNT_MAX = 10_000
const TEXT_MAX = 1_000_000
/** Firmware: the standby's own machine has the same, and nobody writes there. */
const FIRMWARE = /^(?:pc\.(?:bios|rom)|\/rom@\S+|\S+\.rom)$/

/** Whether checkpoints of this machine can be taken. Rejects as Qmp does, and with Malformed. */
export async function probeQemu(qmp: QmpSession): Promise<CaptureFinding> {
  const ask = (command: string, given: Fields = {}): Promise<unknown> => qmp.execute(command, given, LIMIT_MS)
  const names = async (command: string, name: string, given: Fields = {}): Promise<ReadonlySet<unknown>> =>
    new Set(list(await ask(command, given), command, COUNT_MAX).map((each) => fields(each, command)[name]))

  const why: string[] = []
  const memory = await sharedMemory(ask)
  if (memory === null) why.push('its memory is no shared file')
  if (list(await ask('query-memory-devices'), 'memory devices', COUNT_MAX).length > 0) why.push('memory was plugged into it')
  const blocked = fields(await ask('query-migrate'), 'migration')['blocked-reasons']
  if (blocked !== undefined)
    why.push(...list(blocked, 'reasons', COUNT_MAX).map((each) => `QEMU says: ${text(each, 'reason', TEXT_MAX)}`))
  const filters = await names('qom-list-types', 'name', { implements: 'netfilter' })
  if (!filters.has('filter-redirector')) why.push('this QEMU cannot hold what a guest sends (it has no filter-redirector)')

  const commands = await names('query-commands', 'name')
  const capabilities = await names('query-migrate-capabilities', 'capability')
  const hasDevices = commands.has('xen-save-devices-state')
  const others = memory === null ? [] : (await memoryBlocks(ask)).filter((name) => name !== memory.name && !FIRMWARE.test(name))
  const way = hasDevices && others.length === 0 ? 'devices' : 'migration'
  if (way === 'migration' && !capabilities.has('x-ignore-shared')) why.push('this QEMU cannot leave memory out of a migration')
  if (why.length > 0 || memory === null) return { can: false, why }
  return { can: true, memoryFile: memory.file, memoryBytes: memory.bytes, way }
}

type Ask = (command: string, given?: Fields) => Promise<unknown>

/** Null when it is memory of the process alone, or of a file that it has for itself. */
async function sharedMemory(ask: Ask): Promise<{ name: string; file: string; bytes: number } | null> {
  try {
    const path = text(await ask('qom-get', { path: '/machine', property: 'memory-backend' }), 'memory-backend')
    const file = text(await ask('qom-get', { path, property: 'mem-path' }), 'mem-path', 4096)
    const isShared = await ask('qom-get', { path, property: 'share' })
    const bytes = wholeNumber(await ask('qom-get', { path, property: 'size' }), 'size')
    return isShared === true && file !== '' ? { name: path.split('/').at(-1) ?? '', file, bytes } : null
  } catch (error) {
    // A backend of another kind has no such property.
    if (error instanceof QmpRefused) return null
    throw error
  }
}

/** Names of all that QEMU calls memory of the guest. Only the monitor for people tells them. */
async function memoryBlocks(ask: Ask): Promise<readonly string[]> {
  const table = text(await ask('human-monitor-command', { 'command-line': 'info ramblock' }), 'ramblock', TEXT_MAX)
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[0] ?? '')
    .filter((name) => name !== '')
}
