import type { Verdict } from '../../../../lib/core/mirror/handshake'
import { HISTORY_MAX } from '../../../../lib/core/domain/volume'
import { allBlocks, hasData, onlyIn, sameBlock, type Body } from './body'

/** What is wrong with a verdict, to one who knows what is really written where; '' when nothing is. */
export function complaint(self: Body, peer: Body, acknowledged: ReadonlySet<string>, { strategy }: Verdict): string {
  const [iAmGood, peerIsGood] = [hasData(self), hasData(peer)]
  const iAmAhead = isAhead(self, peer)
  const peerIsAhead = isAhead(peer, self)
  const isRefused = strategy === 'refuse' || strategy === 'split-brain'
  const isSent = strategy === 'send-dirty' || strategy === 'send-all'
  const isReceived = strategy === 'receive-dirty' || strategy === 'receive-all'

  if (isSent && loses(peer, self, acknowledged)) return 'acknowledged writes of the peer would be overwritten'
  if (isReceived && loses(self, peer, acknowledged)) return 'acknowledged writes would be overwritten'
  if (isSent && !iAmGood) return 'there is nothing good to send'
  if (isReceived && !peerIsGood) return 'there is nothing good to receive'
  const compared = new Set([...self.bits, ...peer.bits])
  const missed = allBlocks().filter((block) => !sameBlock(self, peer, block) && !compared.has(block))
  if ((strategy === 'in-step' || strategy.endsWith('-dirty')) && missed.length > 0)
    return `blocks ${missed.join(' ')} differ and nobody looks`
  if (strategy === 'in-step') {
    if (loses(self, peer, acknowledged) && !peer.cacheLost) return 'in step, but the peer lacks an acknowledged write'
    if (loses(peer, self, acknowledged) && !self.cacheLost) return 'in step, but this side lacks an acknowledged write'
  }

  // No more work than is due, wherever a resync was cut off.
  if (strategy === 'send-all' && peer.state === 'inconsistent' && peer.resyncedBy === self) return 'a resync starts over'

  // No more caution than is due: a refusal needs somebody to come.
  if (!isRefused) return ''
  if (!iAmGood && !peerIsGood) return strategy === 'refuse' ? '' : 'a split brain without two brains'
  if (!iAmGood || !peerIsGood) return 'refused, though one side has nothing to lose'
  if (iAmAhead && peerIsAhead) return ''
  if (self.generations.history.length === HISTORY_MAX || peer.generations.history.length === HISTORY_MAX) return ''
  return 'refused, though only one side went on alone'
}

const isAhead = (one: Body, than: Body): boolean => [...one.eras].some((era) => !than.eras.has(era))

/** Whether one that could serve has acknowledged writes that the other one lacks. */
const loses = (overwritten: Body, by: Body, acknowledged: ReadonlySet<string>): boolean =>
  hasData(overwritten) && onlyIn(overwritten, by).some((write) => acknowledged.has(write))
