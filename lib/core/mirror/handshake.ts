import type { Generations, ReplicaMetadata } from '../domain/volume'

/** What the rules look at. */
export interface History {
  readonly state: ReplicaMetadata['state']
  readonly generations: Generations
}

export type HandshakeRule =
  | 'no-good-copy'
  | 'i-am-new'
  | 'peer-is-new'
  | 'same-generation'
  | 'crossed'
  | 'i-tracked-peer'
  | 'peer-tracked-me'
  | 'peer-is-inconsistent'
  | 'i-am-inconsistent'
  | 'peer-is-ancestor'
  | 'i-am-ancestor'
  | 'both-wrote-since'
  | 'common-ancestor'
  | 'unrelated'

/** What is to be done, seen from this side. */
export type Strategy = 'in-step' | 'send-dirty' | 'send-all' | 'receive-dirty' | 'receive-all' | 'split-brain' | 'refuse'

export interface Verdict {
  readonly rule: HandshakeRule
  readonly strategy: Strategy
}

/** What a strategy means: who is the resync source, whether the bitmaps tell what differs, whether anything may be overwritten. */
export const STRATEGIES: Readonly<
  Record<Strategy, { readonly source: 'self' | 'peer' | 'none'; readonly wholeDisk: boolean; readonly allowed: boolean }>
> = {
  'in-step': { source: 'none', wholeDisk: false, allowed: true },
  'send-dirty': { source: 'self', wholeDisk: false, allowed: true },
  'send-all': { source: 'self', wholeDisk: true, allowed: true },
  'receive-dirty': { source: 'peer', wholeDisk: false, allowed: true },
  'receive-all': { source: 'peer', wholeDisk: true, allowed: true },
  'split-brain': { source: 'none', wholeDisk: false, allowed: false },
  refuse: { source: 'none', wholeDisk: false, allowed: false },
}

/** The same verdict as the other side reaches it. */
export const MIRRORED: Readonly<Record<Strategy, Strategy>> = {
  'in-step': 'in-step',
  'send-dirty': 'receive-dirty',
  'send-all': 'receive-all',
  'receive-dirty': 'send-dirty',
  'receive-all': 'send-all',
  'split-brain': 'split-brain',
  refuse: 'refuse',
}

/**
 * Two replicas meet: whose data stays? The generation identifiers tell what has to be copied; that the answer agrees with the
 * claim is the caller's to check, and a disagreement is a split brain too.
 */
export function compareHistories(self: History, peer: History): Verdict {
  const [mine, theirs] = [self.generations, peer.generations]
  const iAmNew = mine.current === ''
  const peerIsNew = theirs.current === ''
  const iAmWhole = self.state !== 'inconsistent'
  const peerIsWhole = peer.state !== 'inconsistent'
  if ((iAmNew || !iAmWhole) && (peerIsNew || !peerIsWhole)) return { rule: 'no-good-copy', strategy: 'refuse' }
  if (iAmNew) return { rule: 'i-am-new', strategy: 'receive-all' }
  if (peerIsNew) return { rule: 'peer-is-new', strategy: 'send-all' }

  if (mine.current === theirs.current && iAmWhole && peerIsWhole) return { rule: 'same-generation', strategy: 'in-step' }
  // A bitmap that counts from the other side's current generation holds exactly what that side lacks. Both at once cannot
  // happen to two replicas that told the truth: each would be the other's ancestor.
  const iTrackedPeer = iAmWhole && countsFrom(mine, peer)
  const peerTrackedMe = peerIsWhole && countsFrom(theirs, self)
  if (iTrackedPeer && peerTrackedMe) return { rule: 'crossed', strategy: 'split-brain' }
  if (iTrackedPeer) return { rule: 'i-tracked-peer', strategy: 'send-dirty' }
  if (peerTrackedMe) return { rule: 'peer-tracked-me', strategy: 'receive-dirty' }
  // An interrupted resync left nothing there that anybody could want.
  if (!peerIsWhole) return { rule: 'peer-is-inconsistent', strategy: 'send-all' }
  if (!iAmWhole) return { rule: 'i-am-inconsistent', strategy: 'receive-all' }

  const peerIsAncestor = mine.history.includes(theirs.current)
  const iAmAncestor = theirs.history.includes(mine.current)
  if (peerIsAncestor && iAmAncestor) return { rule: 'crossed', strategy: 'split-brain' }
  if (peerIsAncestor) return { rule: 'peer-is-ancestor', strategy: 'send-all' }
  if (iAmAncestor) return { rule: 'i-am-ancestor', strategy: 'receive-all' }
  // From here on both have a history that the other one lacks.
  if (mine.bitmap !== '' && mine.bitmap === theirs.bitmap) return { rule: 'both-wrote-since', strategy: 'split-brain' }
  const older = new Set([mine.bitmap, ...mine.history].filter((generation) => generation !== ''))
  const met = [theirs.bitmap, ...theirs.history].some((generation) => older.has(generation))
  return met ? { rule: 'common-ancestor', strategy: 'split-brain' } : { rule: 'unrelated', strategy: 'refuse' }
}

/** Whether the bitmap holds what that one lacks. Only a resync target that was lost at its end can have kept its former generation. */
const countsFrom = ({ bitmap, former }: Generations, { state, generations: { current } }: History): boolean =>
  bitmap === current || (state === 'inconsistent' && former === current)
