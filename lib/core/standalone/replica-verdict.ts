import { sizeTrouble } from '../domain/disk-size'
import { Refusal } from '../domain/errors'
import type { ReplicaMetadata } from '../domain/volume'

/** What is at the place of a replica, and what the operator asked for. */
export interface ReplicaFacts {
  readonly mirror: string
  /** As the operator wrote it. */
  readonly place: string
  readonly volume: ReplicaMetadata['volume']
  readonly create: boolean
  readonly overwrite: boolean
  /** This side has no peer: nobody will ever copy to it. */
  readonly alone: boolean
  /** This folder has served this mirror before, from the same place. */
  readonly servedBefore: boolean
  readonly sizeBytesAsked: number | null
  /** Bytes of the image or device; null: there is none. */
  readonly sizeBytesFound: number | null
  /** An image that nothing was ever written to: there is nothing to lose in it. */
  readonly isBlank: boolean
  readonly metadata: Known | 'newer'
}

type ReplicaHead = Pick<ReplicaMetadata, 'volume' | 'sizeBytes' | 'state'>
type Known = ReplicaHead | null | 'damaged'

export interface ReplicaVerdict {
  /**
   * `use`: it is ours, or the worker makes it. `make`: a new one of zeroes becomes the first up-to-date one. `adopt`: what is
   * there becomes the first up-to-date one. `replace`: what is there is given up, and the resync writes all of it.
   */
  readonly act: 'use' | 'make' | 'adopt' | 'replace'
  readonly sizeBytes: number
}

/** What to do with a replica before anything is served. Throws Refusal HOLDFAST_MIRROR_REPLICA; bytes are lost only when asked. */
export function replicaVerdict(facts: ReplicaFacts): ReplicaVerdict {
  const { sizeBytes, metadata } = checked(facts)
  return { act: facts.create ? createAct(facts, metadata) : serveAct(facts, metadata), sizeBytes }
}

const refusal = ({ mirror, place }: ReplicaFacts, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_REPLICA', { mirror, replica: place, reason, todo })

function checked(facts: ReplicaFacts): { sizeBytes: number; metadata: Known } {
  const { sizeBytesAsked: asked, sizeBytesFound: found } = facts
  const sizeBytes = found ?? asked
  if (sizeBytes === null) throw refusal(facts, 'It does not exist, and no size is given for a new one.', 'Add --size.')
  if (found !== null && asked !== null && found !== asked) {
    const todo = 'Leave --size out, or name the right replica. Both sides need the same size.'
    throw refusal(facts, `It has ${found} bytes, and --size asks for ${asked}.`, todo)
  }
  const trouble = sizeTrouble(sizeBytes)
  if (trouble !== '') throw refusal(facts, `It has ${sizeBytes} bytes. ${trouble}`, 'Give it such a size.')
  const { metadata } = facts
  if (metadata === 'newer')
    throw refusal(facts, 'A later release of Holdfast wrote its metadata.', 'Install that release here, too.')
  if (metadata === null || metadata === 'damaged') return { sizeBytes, metadata }
  if (metadata.volume !== facts.volume)
    throw refusal(facts, 'Its metadata says that it belongs to another mirror.', 'Check --name and --replica.')
  if (found !== null && metadata.sizeBytes !== found) {
    const reason = `It has ${found} bytes, and its metadata says ${metadata.sizeBytes}: it was changed by something else.`
    throw refusal(facts, reason, 'Bring it back to its size, or use another replica and let the other side fill it.')
  }
  return { sizeBytes, metadata }
}

/** The first start of the first side. */
function createAct(facts: ReplicaFacts, metadata: Known): ReplicaVerdict['act'] {
  const { sizeBytesFound } = facts
  if (metadata === 'damaged')
    throw refusal(facts, 'Its metadata is damaged, so nobody knows what it holds.', 'Use --create on the other side.')
  if (metadata === null) return sizeBytesFound === null ? 'make' : 'adopt'
  if (sizeBytesFound === null)
    throw refusal(
      facts,
      'Its metadata exists, and its bytes are gone.',
      'Is its file system mounted? Or use --create on the other side.',
    )
  if (facts.alone) throw refusal(facts, 'It is made already.', 'Leave --create out.')
  if (metadata.state !== 'up-to-date')
    throw refusal(facts, `It is ${metadata.state}: the other side has more.`, 'Use --create on the other side.')
  return 'use'
}

function serveAct(facts: ReplicaFacts, metadata: Known): ReplicaVerdict['act'] {
  const { sizeBytesFound, overwrite } = facts
  if (metadata !== null && metadata !== 'damaged' && sizeBytesFound !== null) return 'use'
  if (facts.alone)
    throw refusal(facts, 'It was never made, or its metadata is lost.', 'Use --create once: what it holds is kept.')
  if (sizeBytesFound === null) {
    if (!facts.servedBefore || overwrite) return 'use'
    const todo = 'Is its file system mounted? For a new disk use --overwrite once: the other side fills it.'
    throw refusal(facts, 'It was served from here before, and now it does not exist.', todo)
  }
  if (overwrite || facts.isBlank) return 'replace'
  const reason = metadata === null ? 'It exists and is no replica of a mirror yet.' : 'Its metadata is damaged.'
  const todo = 'Use --overwrite once to have all of it replaced by what the other side holds, or --create to keep what is there.'
  throw refusal(facts, reason, todo)
}
