/** Points at which a fault does most harm. */
export type Moment =
  /** The holder wants the claim to list both. */
  | 'joining'
  /** A replica has on stable storage that it is as good as the other one. */
  | 'told'
  /** A replica that was away is as good as the other one again, without a resync. */
  | 'present'
  /** A read has shown what nobody was told to be there. */
  | 'unsure-read'
  /** A secondary asks for the claim. */
  | 'taking'
  /** A guest starts while another one lives on the other host. */
  | 'two-guests'

export const TRAPS = [
  'joining-alone',
  'told-power',
  'told-lost',
  'present-errors',
  'unsure-errors',
  'taking-met',
  'taken-met',
] as const
export type Trap = (typeof TRAPS)[number]

/** What each waits for, and for how long at most it then waits to strike, in simulated milliseconds. */
export const SPRINGS: Readonly<Record<Trap, { readonly moment: Moment; readonly withinMs: number }>> = {
  'joining-alone': { moment: 'joining', withinMs: 60 },
  'told-power': { moment: 'told', withinMs: 12 },
  'told-lost': { moment: 'told', withinMs: 12 },
  'present-errors': { moment: 'present', withinMs: 20 },
  'unsure-errors': { moment: 'unsure-read', withinMs: 5 },
  'taking-met': { moment: 'taking', withinMs: 20 },
  'taken-met': { moment: 'two-guests', withinMs: 300 },
}
