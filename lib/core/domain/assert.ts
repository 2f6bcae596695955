/** A broken belief about our own code. Nobody catches it: the process stops and its supervisor restarts it. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
}

export function assert(condition: boolean, belief: string): asserts condition {
  if (!condition) throw new InvariantViolation(belief)
}

export function unreachable(value: never, where: string): never {
  throw new InvariantViolation(`${where}: unexpected ${JSON.stringify(value)}`)
}

/** For a value that the code around has made certain: `must(map.get(key), 'every volume has a lane')`. */
export function must<T>(value: T | undefined | null, belief: string): T {
  if (value === undefined || value === null) throw new InvariantViolation(belief)
  return value
}
