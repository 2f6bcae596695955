/** What an operator is told when a side does not get the claim it was told to take: why, and what to do. */
export interface TakeOverWords {
  readonly reason: string
  readonly todo: string
}

const AGAIN = 'Repeat the request.'

const WORDS: Readonly<Record<string, TakeOverWords>> = {
  'holder-alive': {
    reason: 'The other side is alive: it was heard a moment ago.',
    todo: 'To move the disk, stop it there first: holdfast mirror stop. Then repeat the request.',
  },
  'not-up-to-date': {
    reason: 'This replica lacks acknowledged writes.',
    todo: 'Bring the other side back: it has them. Then let the resync end.',
  },
  'replica-failed': {
    reason: 'The replica here failed or is new, and may lack acknowledged writes.',
    todo: 'Bring the other side back: it has them. Then let the resync end.',
  },
  'no-claim': {
    reason: 'There is no claim, or the witness has not told this side yet.',
    todo: 'Look at: holdfast mirror status. Without a claim, begin the mirror with --create.',
  },
  'witness-silent': {
    reason: 'The witness did not answer in time.',
    todo: 'Check the witness and the way to it. Then repeat the request.',
  },
  'lease-current': {
    reason: "The other side's lease is still renewed: it is alive.",
    todo: 'Stop it there first: holdfast mirror stop',
  },
  'promise-current': { reason: 'This side has promised the other one more time.', todo: AGAIN },
  'swap-refused': { reason: 'The claim changed at the same moment.', todo: AGAIN },
}

const MAY_HOLD: TakeOverWords = {
  reason: 'The witness did not tell whether it took the request.',
  todo: 'This side finds out when the witness answers, and serves the disk if it got the claim. Look at: holdfast mirror status',
}

/** `rule`: the worker's word for what stopped it. `mayHold`: it may have got the claim all the same. */
export const takeOverWords = (rule: string, mayHold: boolean): TakeOverWords =>
  mayHold ? MAY_HOLD : (WORDS[rule] ?? { reason: 'The claim was not taken in time.', todo: AGAIN })
