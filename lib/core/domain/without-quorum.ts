/** What a pool wants of a VM whose lease neither the witness nor a peer confirms. */
export type WithoutQuorum =
  /** The guest waits, for as long as it takes. */
  | 'freeze'
  /** The guest is ended with the lease. */
  | 'stop'
  /** The preferred survivor goes on, and risks that the other side does so, too. */
  | 'continue'
