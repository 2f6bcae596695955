/** For what the simulation itself has made certain. */
export function must<T>(value: T | undefined | null, belief: string): T {
  if (value === undefined || value === null) throw new Error(`the simulation is wrong: ${belief}`)
  return value
}
