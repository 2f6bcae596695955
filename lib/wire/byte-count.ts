const COUNT = /^([1-9]\d{0,15})(?:([KMGT])(?:i?B)?)?$/
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** What `10G`, `512M` or a number means in bytes; null when it is none of these. */
export function bytesIn(text: string): number | null {
  const [, count, unit] = COUNT.exec(text) ?? []
  return count === undefined ? null : Number(count) * (UNITS[unit ?? ''] ?? 1)
}
