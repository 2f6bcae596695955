import { PAGE_BYTES } from '../../../lib/ports/changed-memory'
import { Broken } from '../mirror/broken'
import { CELLS, type Memory } from './guest'

export const MEMORY_BYTES = 8 * PAGE_BYTES
/** In two parts. */
const STATE_BYTES = PAGE_BYTES + 100

/** The step, each cell, a page that never changes, one that is zeros at every other step, and one that always is. */
export function memoryBytes({ step, disk }: Memory): Buffer {
  const bytes = Buffer.alloc(MEMORY_BYTES)
  const pages = [step, ...disk, 7, step % 2 === 0 ? 0 : step, 0]
  for (const [page, value] of pages.entries()) bytes.writeDoubleLE(value, page * PAGE_BYTES + 8 * page)
  return bytes
}

export const stepOf = (memory: Buffer): number => memory.readDoubleLE(0)

/** What a standby was filled with. */
export function memoryIn(bytes: Buffer): Memory {
  const at = (page: number): number => bytes.readDoubleLE(page * PAGE_BYTES + 8 * page)
  const memory = { step: at(0), disk: Array.from({ length: CELLS }, (_, cell) => at(1 + cell)) }
  if (!bytes.equals(memoryBytes(memory))) throw new Broken('one epoch', 'the memory is of no one moment')
  return memory
}

export function stateBytes(step: number): Buffer {
  const bytes = Buffer.alloc(STATE_BYTES, step % 251)
  bytes.writeDoubleLE(step, 0)
  bytes.writeDoubleLE(step, STATE_BYTES - 8)
  return bytes
}

export function stepIn(state: Buffer): number {
  const step = state.readDoubleLE(0)
  if (!state.equals(stateBytes(step))) throw new Broken('one epoch', 'the state of the devices is of no one moment')
  return step
}
