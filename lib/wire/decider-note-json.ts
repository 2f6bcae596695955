import type { DeciderNote, Noted } from '../core/domain/decider-note'
import { CLAIM_LIMITS } from '../core/domain/claim-request'
import { hostUuid } from '../core/domain/ids'
import { claimOf } from './claim-json'
import { fields, id, list, text, wholeNumber } from './shape'

/** Out of JSON; further fields are dropped. Both throw Malformed. */
export function deciderNoteOf(value: unknown): DeciderNote {
  const note = fields(value, 'note')
  const { pending, untold } = note
  return {
    ...decisionOf(note),
    pending: pending === null ? null : claimOf(pending),
    ...(untold === undefined
      ? {}
      : { untold: list(untold, 'note.untold', CLAIM_LIMITS.hostsPerDisk).map((host) => id(hostUuid, host, 'note.untold[]')) }),
  }
}

export function notedOf(value: unknown): Noted {
  const noted = fields(value, 'noted')
  const { pendingTerm } = noted
  return { ...decisionOf(noted), pendingTerm: pendingTerm === null ? null : wholeNumber(pendingTerm, 'noted.pendingTerm') }
}

const decisionOf = ({ generation, by }: ReturnType<typeof fields>): Pick<Noted, 'generation' | 'by'> => ({
  generation: wholeNumber(generation, 'generation'),
  by: text(by, 'by'),
})
