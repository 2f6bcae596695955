import type { ClaimNotes } from '../../lib/ports/claim-notes'

/** For whatever never has two. */
export const noClaimNotes: ClaimNotes = {
  read: () => Promise.resolve(null),
  save: () => Promise.reject(new Error('nothing is noted')),
  forget: () => Promise.resolve(),
}
