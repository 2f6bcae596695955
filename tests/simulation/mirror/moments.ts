/** Points at which a fault does most harm. */
export type Moment =
  /** The holder wants the claim to list both. */
  | 'joining'
  /** The holder wants the claim to list one only. */
  | 'parting'
  /** A resync begins. */
  | 'copying'
  /** Extents are about to leave a replica's activity log. */
  | 'turnover'
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
  ...['joining-alone', 'parting-deaf', 'taking-heard', 'taking-met', 'taken-met', 'told-power', 'told-lost'],
  ...['copying-killed', 'turnover-crash', 'present-errors', 'unsure-errors'],
] as const
export type Trap = (typeof TRAPS)[number]

/** What each waits for, and for how long at most it then waits to strike, in simulated milliseconds. */
export const SPRINGS: Readonly<Record<Trap, { readonly moment: Moment; readonly withinMs: number }>> = {
  'parting-deaf': { moment: 'parting', withinMs: 0 },
  'taking-heard': { moment: 'taking', withinMs: 100 },
  'joining-alone': { moment: 'joining', withinMs: 60 },
  'copying-killed': { moment: 'copying', withinMs: 150 },
  'turnover-crash': { moment: 'turnover', withinMs: 25 },
  'told-power': { moment: 'told', withinMs: 12 },
  'told-lost': { moment: 'told', withinMs: 12 },
  'present-errors': { moment: 'present', withinMs: 20 },
  'unsure-errors': { moment: 'unsure-read', withinMs: 5 },
  'taking-met': { moment: 'taking', withinMs: 20 },
  'taken-met': { moment: 'two-guests', withinMs: 300 },
}
