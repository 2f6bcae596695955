import { WitnessUnreachable, type WitnessPort } from '../ports/witness'

/** For disks that have no claim and never will: a witness that never answers. */
export function noWitness(): WitnessPort {
  const silent = (): Promise<never> => Promise.reject(new WitnessUnreachable('there is no witness'))
  return { read: silent, compareAndSwap: silent, renew: silent, remove: silent, reachable: false, close: () => undefined }
}
