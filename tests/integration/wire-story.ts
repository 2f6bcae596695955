/** What one end of a TCP connection said, byte by byte, out of every frame that was seen: where it says two things, it forgot one. */

/** A segment as it was captured; `seq` is that of its first byte, of TCP's 32 bits. */
export interface Segment {
  readonly atMs: number
  readonly from: number
  readonly to: number
  readonly seq: number
  readonly flags: string
  readonly payload: Buffer
}

export interface Stream {
  /** All bytes, as they were said first. */
  readonly bytes: Buffer
  /** Bytes that were said again, and were the same. */
  readonly repeated: number
  /** Offsets that were said again as something else. */
  readonly contradicted: readonly number[]
  /** Offsets that nobody saw. */
  readonly missing: number
  readonly resets: number
}

const MODULUS = 2 ** 32

/** @param segments of one direction of one connection, in the order in which they were seen */
export function streamOf(segments: readonly Segment[]): Stream {
  const said = new Map<number, number>()
  const contradicted: number[] = []
  let repeated = 0
  let end = 0
  const [first] = segments.filter(({ payload }) => payload.length > 0)
  for (const { seq, payload } of segments) {
    // The nearest one to where the stream is now: sequence numbers start again at zero.
    const offset = near(seq - (first?.seq ?? 0), end)
    payload.forEach((byte, index) => {
      const at = offset + index
      const before = said.get(at)
      if (before === undefined) said.set(at, byte)
      else if (before === byte) repeated += 1
      else contradicted.push(at)
    })
    if (payload.length > 0) end = Math.max(end, offset + payload.length)
  }
  const bytes = Buffer.from(Array.from({ length: end }, (_, at) => said.get(at) ?? 0))
  const missing = bytes.length - [...said.keys()].filter((at) => at >= 0).length
  return { bytes, repeated, contradicted, missing, resets: segments.filter(({ flags }) => flags.includes('R')).length }
}

function near(value: number, wanted: number): number {
  const turns = Math.round((wanted - value) / MODULUS)
  return value + turns * MODULUS
}
