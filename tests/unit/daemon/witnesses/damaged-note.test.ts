import type { StoredClaim } from '../../../../lib/core/domain/claim'
import type { DeciderNote, Noted } from '../../../../lib/core/domain/decider-note'
import { Agreement } from '../../../../lib/daemon/worker/witnesses/agreement'
import { hearPending } from '../../../../lib/daemon/worker/witnesses/damaged-note'
import type { Pair } from '../../../../lib/daemon/worker/witnesses/witness-pair'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { quietLog } from '../../../../lib/dom0/log/quiet-log'
import { type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import { A, B, claimBy, freshVm } from '../../../contracts/witness-port'

const vm = freshVm()
const TERM = 3
const pending = claimBy(A, { vm, term: TERM })
const switching: DeciderNote = { generation: 2, by: 'w2', pending }

const never = (): never => {
  throw new Error('nothing is asked for but what is stored, and nothing is decided here')
}

/** What one witness answers: the term that it has stored, null for no claim, or nothing at all. */
const having = (id: string, term: number | null | 'silent'): WitnessPort => ({
  ...{ id, reachable: term !== 'silent', compareAndSwap: never, renew: never, remove: never, carry: never, close: never },
  read: (): Promise<StoredClaim | null> => {
    if (term === 'silent') return Promise.reject(new WitnessUnreachable('told to be silent'))
    return Promise.resolve(term === null ? null : { revision: 1, claim: claimBy(A, { vm, term }) })
  },
})

/** Of B, whose note is damaged: what it has saved and answered when the holder has asked it to note the switch. */
async function heardBy(pair: Pair): Promise<{ saved: DeciderNote[]; replies: Noted[]; isDamaged: boolean }> {
  const saved: DeciderNote[] = []
  const replies: Noted[] = []
  const claimNotes = {
    read: never,
    forget: never,
    save: (_: string, note: DeciderNote) => Promise.resolve(void saved.push(note)),
  }
  const agreement = new Agreement(
    B,
    vm,
    'damaged',
    { claimNotes, timers: systemTimers, log: quietLog },
    {
      ...{ carry: never, told: never, changed: () => undefined },
    },
  )
  await hearPending(vm, pair, agreement, switching, (noted) => replies.push(noted))
  await agreement.settled()
  return { saved, replies, isDamaged: agreement.isDamaged }
}

test.each([
  ['the former witness has it, the next one nothing', TERM, null],
  ['both have it', TERM, TERM],
] as const)('%s: it is noted, and then said so', async (_, former, next) => {
  const { saved, replies, isDamaged } = await heardBy({ witness: having('w1', former), alternate: having('w2', next) })
  expect(saved).toMatchObject([{ generation: 2, by: 'w2', pending: { term: TERM } }])
  expect(replies).toEqual([{ generation: 2, by: 'w2', pendingTerm: TERM }])
  expect(isDamaged).toBe(false)
})

test.each([
  ['the claim was taken since', TERM + 1, null],
  ['it was taken at the next witness', TERM, TERM + 1],
  ['one of them is silent', TERM, 'silent'],
  ['the other one is', 'silent', TERM],
] as const)('%s: nothing is noted', async (_, former, next) => {
  const heard = await heardBy({ witness: having('w1', former), alternate: having('w2', next) })
  expect(heard).toEqual({ saved: [], replies: [], isDamaged: true })
})
