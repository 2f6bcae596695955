import type { Mutation } from './mirror-bundle'
import type { Fault } from './pool/trouble'

/** A rule that production code keeps in a pool, and how to switch it off in the source text. */
export interface PoolTooth {
  readonly rule: string
  readonly changes: readonly Omit<Mutation, 'rule'>[]
  /** A seed that shows it. */
  readonly seed: number
  /** The kinds of faults in which it is looked for; all kinds when left out. */
  readonly trouble?: readonly Fault[]
}

const off = (rule: string, seed: number, file: string, find: string, replace: string, ...trouble: Fault[]): PoolTooth => ({
  ...{ rule, seed, changes: [{ file, find, replace }] },
  ...(trouble.length === 0 ? {} : { trouble }),
})

export const POOL_TEETH: readonly PoolTooth[] = [
  off(
    'a claim is changed only by whoever knows its revision',
    8,
    'lib/core/witness/witness.ts',
    "if ((current?.revision ?? 0) !== request.expected) return this.refuse(pool, vm, 'revision', nowMs)",
    '',
    'hosts-apart',
    'witness-slow',
    'stall-holder',
  ),
  off(
    'a change is answered when it is on stable storage',
    2,
    'lib/daemon/witness-daemon.ts',
    'const outcome = await this.parts.claims.append(batch)',
    "void this.parts.claims.append(batch); const outcome = 'durable' as string",
    'witness-crash',
    'hosts-apart',
  ),
  off(
    'a guest of a spent term is ended',
    7,
    'lib/daemon/worker/spent-guest.ts',
    'await new GuestDomains(parts).destroy(domids)',
    '',
    'host-alone',
    'kill-holder',
  ),
]
