import type { ChangedPart, MemoryRange } from '../../../ports/changed-memory'

export interface MemoryPiece {
  readonly runs: readonly MemoryRange[]
  /** Of its own: what it was copied from may change. */
  readonly data: Buffer
}

/** Copies of at most `bytesMax`, which is one page or more in whole pages. */
export function memoryPieces(parts: readonly ChangedPart[], bytesMax: number): readonly MemoryPiece[] {
  return parts.flatMap(({ runs, bytes }) => {
    let at = 0
    return divided(runs, bytesMax).map((share) => {
      const from = at
      for (const { length } of share) at += length
      return { runs: share, data: Buffer.from(bytes.subarray(from, at)) }
    })
  })
}

/** A run that is longer than what is left of a piece goes on in the next one. */
function divided(runs: readonly MemoryRange[], bytesMax: number): readonly (readonly MemoryRange[])[] {
  const shares: MemoryRange[][] = []
  let room = 0
  for (const run of runs) {
    for (let { offset, length } = run; length > 0;) {
      if (room === 0) {
        shares.push([])
        room = bytesMax
      }
      const taken = Math.min(length, room)
      shares.at(-1)?.push({ offset, length: taken })
      offset += taken
      length -= taken
      room -= taken
    }
  }
  return shares
}

/** Pieces of a text of bytes; none of an empty one. */
export function bytePieces(bytes: Buffer, bytesMax: number): readonly Buffer[] {
  const count = Math.ceil(bytes.length / bytesMax)
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * bytesMax, (n + 1) * bytesMax))
}
