import { WitnessUnreachable, type WitnessPort } from '../../ports/witness'

/** For disks that have no claim and never will: a witness that never answers. */
export function noWitness(): WitnessPort {
  const silent = (): Promise<never> => Promise.reject(new WitnessUnreachable('there is no witness'))
  const asks = { read: silent, compareAndSwap: silent, renew: silent, remove: silent, carry: silent }
  return { ...asks, id: null, reachable: false, close: () => undefined }
}
