import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredClaim } from '../../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../../lib/core/domain/decider-note'
import { volumeKey } from '../../../../lib/core/domain/ids'
import { DecidingWitness, type DecidingParts } from '../../../../lib/daemon/worker/witnesses/deciding-witness'
import { quietLog } from '../../../../lib/dom0/log/quiet-log'
import { systemFiles } from '../../../../lib/dom0/replica/replica-files'
import { claimNoteIn, claimNotesIn } from '../../../../lib/dom0/witness/claim-notes-files'
import type { Timers } from '../../../../lib/ports/timers'
import type { ClaimNotes } from '../../../../lib/ports/claim-notes'
import { type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A, claimBy, freshVm } from '../../../contracts/witness-port'

const vm = freshVm()
const claim = claimBy(A, { vm, upToDate: { [volumeKey('dddddddd-0000-4000-8000-000000000004')]: [A] } })
const SILENT_MS = 3000
const BACK_MS = 30_000

const never = (): never => {
  throw new Error('not asked for here')
}

/** Something that others wait for until it is opened. `reached` resolves when the first of them does. */
function gate(): { readonly pass: () => Promise<void>; readonly open: () => void; readonly reached: Promise<void> } {
  let open: () => void = never
  let reach: () => void = never
  const opened = new Promise<void>((resolve) => (open = resolve))
  const reached = new Promise<void>((resolve) => (reach = resolve))
  const pass = (): Promise<void> => {
    reach()
    return opened
  }
  return { pass, open, reached }
}

/** Keeps one claim. */
class OneClaim {
  stored: StoredClaim | null = null
  isSilent = false
  /** Before a read is answered. */
  reading: () => Promise<void> = () => Promise.resolve()

  constructor(readonly id: string) {}

  get port(): WitnessPort {
    const answer = <T>(now: T): Promise<T> =>
      this.isSilent ? Promise.reject(new WitnessUnreachable('told to be silent')) : Promise.resolve(now)
    return {
      ...{ id: this.id, reachable: !this.isSilent, compareAndSwap: never, carry: never, close: () => undefined },
      read: () => this.reading().then(() => answer(this.stored)),
      renew: () => answer(this.stored === null ? { renewed: false, current: null } : { renewed: true }),
      remove: async () => {
        const removed = await answer({ stored: true, revision: 0 } as const)
        this.stored = null
        return removed
      },
    }
  }
}

let folder: string
let ends: () => void
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-given-up-'))))
afterEach(() => {
  ends()
  rmSync(folder, { recursive: true })
})

/** `look` lets time pass until its next look at the witnesses. */
function hostWith(
  preferred: OneClaim,
  alternate: OneClaim,
  claimNotes: ClaimNotes,
): { readonly witness: DecidingWitness; readonly look: (afterMs: number) => void } {
  let nowMs = 0
  const looks: (() => void)[] = []
  const timers: Timers = {
    ...{ after: never, pause: never },
    every: (_, look) => {
      looks.push(look)
      return { stop: () => looks.splice(looks.indexOf(look), 1) }
    },
  }
  const parts: DecidingParts = {
    ...{ witness: preferred.port, alternate: alternate.port, claimNotes },
    ...{ clock: { nowMs: () => nowMs }, timers, log: quietLog, timeline: { record: () => undefined }, listenPeer: never },
    switchTimes: { afterSilentMs: SILENT_MS, backAfterMs: BACK_MS },
  }
  const witness = new DecidingWitness(() => ({ host: A }) as WorkerSpec, parts)
  ends = () => witness.close()
  const look = (afterMs: number): void => {
    nowMs += afterMs
    for (const each of [...looks]) each()
  }
  return { witness, look }
}

test('a renewal while the note of a claim that was given up is removed does not bring it back: the next claim is noted', async () => {
  const [preferred, alternate] = [new OneClaim('w1'), new OneClaim('w2')]
  const removing = gate()
  const files = { ...systemFiles, remove: (path: string) => removing.pass().then(() => systemFiles.remove(path)) }
  const { witness } = hostWith(preferred, alternate, claimNotesIn(folder, files))
  preferred.stored = { revision: 1, claim }
  await witness.read(vm)
  const noted = await claimNoteIn(folder, vm)
  expect(noted).toMatchObject({ generation: 0, by: 'w1' })

  const given = witness.remove({ revision: 1, claim })
  await removing.reached
  expect(await witness.renew(vm, claim.term, A)).toEqual({ renewed: false, current: null })
  removing.open()
  await given
  expect(await claimNoteIn(folder, vm)).toBeNull()

  preferred.stored = { revision: 2, claim }
  await witness.read(vm)
  expect(await claimNoteIn(folder, vm)).toEqual(noted)
})

test('a switch that was about to begin when the claim was given up begins no more', async () => {
  const [preferred, alternate] = [new OneClaim('w1'), new OneClaim('w2')]
  const kept = claimNotesIn(folder)
  const saved: DeciderNote[] = []
  const save: ClaimNotes['save'] = (of, note) => {
    saved.push(note)
    return kept.save(of, note)
  }
  const { witness, look } = hostWith(preferred, alternate, { ...kept, save })
  preferred.stored = { revision: 1, claim }
  await witness.read(vm)
  const asking = gate()
  alternate.reading = asking.pass
  preferred.isSilent = true
  for (let silentMs = 0; silentMs < SILENT_MS; silentMs += 1000) {
    await expect(witness.renew(vm, claim.term, A)).rejects.toThrow(WitnessUnreachable)
    look(1000)
  }
  await asking.reached

  preferred.isSilent = false
  await witness.remove({ revision: 1, claim })
  asking.open()
  await new Promise((resolve) => setImmediate(resolve))
  expect(saved).toMatchObject([{ generation: 0, pending: null }])
})
