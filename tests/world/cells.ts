/**
 * Bytes for a world in which only versions matter. A cell is what a disk writes whole or not at all; it holds 0 (zeroes) or the
 * number of the write that filled it. The buffers that carry cells have their true length and share one memory; what they stand
 * for is remembered beside them, so code that copied bytes instead of handing the buffer on would be found at once.
 */
export const CELL_BYTES = 4096

const CARRIED_BYTES_MAX = 2 * 1024 * 1024
const ZEROES = Buffer.alloc(CARRIED_BYTES_MAX)
const ONES = Buffer.alloc(CARRIED_BYTES_MAX, 0xff)
const carried = new WeakMap<Buffer, Int32Array>()

export function bufferOf(cells: Int32Array): Buffer {
  const memory = cells.every((cell) => cell === 0) ? ZEROES : ONES
  const buffer = memory.subarray(0, cells.length * CELL_BYTES)
  carried.set(buffer, cells)
  return buffer
}

export function cellsOf(buffer: Buffer): Int32Array {
  const cells = carried.get(buffer)
  if (cells === undefined) throw new Error('a payload was copied on its way')
  return cells
}

const rooms = new WeakSet<Buffer>()

/** Memory to read into, which nobody looks at: it has its length, and shares its bytes with every other. */
export function roomFor(length: number): Buffer {
  const room = ONES.subarray(0, length)
  rooms.add(room)
  return room
}

/** What was read into a buffer stands for these cells. Its bytes are zeroes if they all are, and not all of them otherwise. */
export function carry(buffer: Buffer, cells: Int32Array): void {
  if (!rooms.has(buffer)) {
    if (cells.every((cell) => cell === 0)) buffer.fill(0)
    else buffer[0] = 0xff
  }
  carried.set(buffer, cells)
}
