import { NO_GENERATIONS, type Generations, type ReplicaMetadata } from '../../../../lib/core/domain/volume'

export const BLOCKS = 4

/** One replica: what it says of itself, and what is really on it. */
export interface Body {
  readonly name: string
  state: ReplicaMetadata['state']
  generations: Generations
  readonly bits: Set<number>
  /** Of each block, the names of all writes that made it what it is. */
  readonly blocks: string[][]
  /** Every time that somebody went on alone and this one's bytes know of it. */
  eras: Set<string>
  /** In a resync: whose notes hold exactly what it lacks, because both know of it. */
  resyncedBy: Body | null
  /** Its machine lost what it had cached. */
  cacheLost: boolean
}

export const newBody = (name: string): Body => ({
  ...{ name, state: 'inconsistent', generations: NO_GENERATIONS },
  bits: new Set<number>(),
  blocks: Array.from({ length: BLOCKS }, () => []),
  eras: new Set<string>(),
  resyncedBy: null,
  cacheLost: false,
})

export const hasData = ({ state, generations }: Body): boolean => state !== 'inconsistent' && generations.current !== ''

export const isEmpty = ({ generations, blocks }: Body): boolean =>
  generations.current === '' && blocks.every(({ length }) => length === 0)

export const copyBlock = (from: Body, to: Body, block: number): void => {
  to.blocks[block] = [...(from.blocks[block] ?? [])]
}

export const sameBlock = (a: Body, b: Body, block: number): boolean => a.blocks[block]?.join() === b.blocks[block]?.join()

/** Writes that are in the first one's bytes only. */
export const onlyIn = (a: Body, b: Body): string[] =>
  a.blocks.flatMap((writes, block) => writes.filter((write) => b.blocks[block]?.includes(write) !== true))

export const allBlocks = (): number[] => Array.from({ length: BLOCKS }, (_, block) => block)

const list = (names: readonly (string | number)[]): string => (names.length === 0 ? '-' : names.join(' '))

export const shown = ({ name, state, generations: { current, bitmap, former, history }, bits, blocks }: Body): string[] => [
  `${name}: ${state}, current ${current || '-'}, bitmap ${bitmap || '-'}${former && ` and ${former}`}, older ${list(history)}`,
  `   noted ${list([...bits].sort())}; written ${list(blocks.flatMap((writes, block) => (writes.length === 0 ? [] : [`${block}:${writes.join('+')}`])))}`,
]
