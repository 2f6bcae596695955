import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../faults/fault'
import type { Lab } from '../rack/lab'

/** Something that happens to a pool, and ends: faults, or a planned move. */
export type Incident = FaultIncident | MoveIncident

export interface FaultIncident {
  readonly kind: 'faults'
  readonly name: string
  /** Begun in this order, ended in the other. */
  readonly faults: readonly Fault[]
  /** Between the last that begins and the first that ends. Milliseconds. */
  readonly lastsMs: number
}

/** The VM is moved to the host that does not hold its claim. */
export interface MoveIncident {
  readonly kind: 'move'
  readonly name: string
}

/** Resolves when all of it has ended. A killed process needs no end: it is started again as on a real host. */
export async function sufferFaults(lab: Lab, { faults, lastsMs }: FaultIncident): Promise<void> {
  const begun: Fault[] = []
  try {
    for (const fault of faults) {
      if (await isGone(lab, fault)) continue
      await lab.fault(fault)
      begun.unshift(fault)
    }
    await pause(lastsMs)
  } finally {
    for (const fault of begun) if (!(fault.kind === 'process' && fault.how === 'kill')) await lab.undo(fault)
  }
}

/** A process that is just being started again cannot be hit. */
async function isGone(lab: Lab, fault: Fault): Promise<boolean> {
  if (fault.kind !== 'process') return false
  const { hosts } = await lab.status()
  return !hosts.some(({ name, processes }) => name === fault.host && processes.some((each) => each.name === fault.process))
}
