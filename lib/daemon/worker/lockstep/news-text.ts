import type { EpochNews } from '../../../core/checkpoint/events'
import type { TimelineEntry } from '../../../core/domain/timeline'
import { unreachable } from '../../../core/domain/assert'

type Entry = Pick<TimelineEntry, 'act' | 'rule' | 'text' | 'evidence'>

/** For the timeline. */
export function newsEntry(news: EpochNews): Entry {
  switch (news.what) {
    case 'preparing':
      return entry('lockstep-preparing', 'peer-listed', "The guest's memory is copied to the standby while it runs.", {
        run: news.run,
      })
    case 'lockstep':
      return entry('lockstep-entered', 'claim-stored', 'From now on the guest goes on from its memory when this host is lost.', {
        run: news.run,
      })
    case 'left':
      return entry('lockstep-left', 'cannot-go-on', `Lockstep is over: ${news.why}.`, { run: news.run, why: news.why })
    case 'epoch-failed':
      return entry('epoch-failed', 'capture-failed', `Epoch ${news.epoch} was not captured: ${news.why}.`, {
        epoch: news.epoch,
        why: news.why,
      })
    case 'guest-not-resumed':
      return entry(
        'guest-not-resumed',
        'resume-failed',
        `The guest stands and could not be resumed: ${news.error}. It is tried again.`,
        {
          error: news.error,
        },
      )
    case 'cannot-keep-up': {
      const { waitingMs, changedBytesPerSecond, confirmedBytesPerSecond } = news
      const text = 'The standby does not keep up with what the guest changes: its output waits.'
      return entry('lockstep-late', 'output-waits', text, { waitingMs, changedBytesPerSecond, confirmedBytesPerSecond })
    }
    case 'keeps-up':
      return entry('lockstep-in-time', 'output-leaves', "The standby keeps up again: the guest's output leaves in time.", {})
    default:
      return unreachable(news, 'news of lockstep')
  }
}

const entry = (act: string, rule: string, text: string, evidence: Entry['evidence']): Entry => ({ act, rule, text, evidence })
