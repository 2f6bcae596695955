/** Numbers in [0, 1) that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The bytes in pieces of random sizes. */
export function pieces(bytes: Buffer, random: () => number, largest: number): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + Math.floor(random() * largest))
    cut.push(bytes.subarray(at, end))
    at = end
  }
  return cut
}

/** Of this run; a failing one is repeated with HOLDFAST_TEST_SEED. */
export const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? Date.now() % 1_000_000_007)

/** Every other one is the same each time, so that what these alone show is certain to be seen; the others are of this run. */
export const seeds = (count: number): number[] => Array.from({ length: count }, (_, n) => (n % 2 === 0 ? n / 2 : SEED + n))

/** The first draws the same each time, so that what is seen with it is certain to be seen; the second draws for this run. */
export const streams = (): (() => number)[] => [seeded(1), seeded(SEED)]
