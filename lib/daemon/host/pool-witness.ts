/**
 * Two witnesses as a host's daemon asks them. It decides nothing about a claim that is there: what it reads it shows, or finds out whom to ask,
 * and the workers act by what they have noted. Where this host has noted who decides, that one is asked; else both.
 *
 * The pool's own claim, of its coordinator, is kept by the preferred one alone.
 */
import { type Claim, generationOf, type StoredClaim } from '../../core/domain/claim'
import type { DeciderNote } from '../../core/domain/decider-note'
import { type CasAnswer, type RenewAnswer, WitnessUnreachable, type WitnessPort } from '../../ports/witness'
import { readBoth } from '../worker/witnesses/witness-pair'
import type { HostParts } from './parts'

export interface PoolWitnessParts {
  /** The pool's uuid, under which its own claim is kept. */
  readonly pool: string
  readonly preferred: WitnessPort
  readonly alternate: WitnessPort
  /** As this host's worker of that VM has noted it; null where nothing is noted, or nobody can tell. */
  readonly noteOf: (vm: string) => Promise<DeciderNote | null>
}

export class PoolWitness implements WitnessPort {
  constructor(private readonly parts: PoolWitnessParts) {}

  get id(): string | null {
    return this.parts.preferred.id
  }

  get reachable(): boolean {
    return this.parts.preferred.reachable || this.parts.alternate.reachable
  }

  async read(vm: string): Promise<StoredClaim | null> {
    const { pool, preferred, noteOf } = this.parts
    if (vm === pool) return preferred.read(vm)
    const note = await noteOf(vm)
    if (note === null) return this.#readBoth(vm)
    if (note.pending !== null) return this.#readGivenUp(vm)
    const port = [preferred, this.parts.alternate].find(({ id }) => id === note.by)
    if (port === undefined) throw new WitnessUnreachable(`witness ${note.by}, which decides about the VM, is not heard`)
    return (await port.read(vm)) ?? this.#readBoth(vm)
  }

  /** A first claim is made where no witness has one. */
  async compareAndSwap(...[expected, next, options]: Parameters<WitnessPort['compareAndSwap']>): Promise<CasAnswer> {
    const { pool, preferred, alternate } = this.parts
    if (next.vm !== pool) {
      const current = await alternate.read(next.vm)
      if (current !== null) return { stored: false, why: 'revision', current, leaseLeftMs: 0 }
    }
    return preferred.compareAndSwap(expected, next, options)
  }

  renew(...ask: Parameters<WitnessPort['renew']>): Promise<RenewAnswer> {
    return this.parts.preferred.renew(...ask)
  }

  remove(): Promise<never> {
    return Promise.reject(new WitnessUnreachable('a claim is given up by the worker that holds it'))
  }

  carry(): Promise<never> {
    return Promise.reject(new WitnessUnreachable('a claim is carried by the worker that holds it'))
  }

  close(): void {
    this.parts.preferred.close()
    this.parts.alternate.close()
  }

  /** A switch carries a claim that one of them has: where neither has any, it was given up while this host was away. */
  async #readGivenUp(vm: string): Promise<null> {
    const { preferred, alternate } = this.parts
    if ((await readBoth(vm, { witness: preferred, alternate })) === null) return null
    throw new WitnessUnreachable('which witness decides about the VM is being changed')
  }

  /** With one of them silent, what the other has may be old; that there is nothing, both have to say. */
  async #readBoth(vm: string): Promise<StoredClaim | null> {
    const { preferred, alternate } = this.parts
    const ends = await Promise.allSettled([preferred, alternate].map((port) => port.read(vm)))
    const found = ends.flatMap((end) => (end.status === 'fulfilled' && end.value !== null ? [end.value] : []))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined && (found.length === 0 || !(failed.reason instanceof WitnessUnreachable))) throw failed.reason
    const generation = ({ claim }: { claim: Claim }): number => generationOf(claim)
    return found.sort((a, b) => generation(b) - generation(a))[0] ?? null
  }
}

/**
 * What was read of a VM may be of a witness that no longer decides: a host that has noted nothing about the two of them cannot tell by one
 * whether the other one decides by now.
 */
export const mayBeOld = (witnesses: HostParts['witnesses'], isNoted: boolean): boolean =>
  witnesses !== undefined && !isNoted && !(witnesses.preferred.reachable && witnesses.alternate.reachable)

/** The claim that counts; of two witnesses a host that has noted nothing reads both. Rejects with WitnessUnreachable where that cannot be known. */
export async function readSurely(
  { witness, witnesses }: Pick<HostParts, 'witness' | 'witnesses'>,
  vm: string,
  isNoted: boolean,
): Promise<StoredClaim | null> {
  if (witnesses === undefined || isNoted) return witness.read(vm)
  const both = await readBoth(vm, { witness: witnesses.preferred, alternate: witnesses.alternate })
  return both?.stored ?? null
}
