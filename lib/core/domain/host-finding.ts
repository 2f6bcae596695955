/** What is wrong with a host, by the name of the evidence. */
export type HostFinding =
  /** Of the last fifty heartbeats on a link. */
  | { readonly kind: 'lossy'; readonly link: string; readonly lost: number }
  | { readonly kind: 'late'; readonly link: string; readonly late: number }
  /** Its own timers fire so late. */
  | { readonly kind: 'slow'; readonly worstLagMs: number }
  /** One way only: we hear it on the link, it does not hear us there. */
  | { readonly kind: 'hears-us-not'; readonly link: string }
  /** One way only: it hears us on the link, we do not hear it there. */
  | { readonly kind: 'not-heard'; readonly link: string }
  /** On return: it had gone on all the while. */
  | { readonly kind: 'was-cut-off'; readonly silentMs: number }
  /** On return: it had stood still; `machine`: its clock, too, and not only its daemon. */
  | { readonly kind: 'was-stopped'; readonly silentMs: number; readonly machine: boolean }
  | { readonly kind: 'was-restarted'; readonly silentMs: number }
  /** While it is silent: these hear it still. */
  | { readonly kind: 'cut-off-from-here'; readonly heardBy: readonly string[] }
  /** None of those who can be asked hears it. */
  | { readonly kind: 'silent-everywhere'; readonly askedOf: readonly string[] }
  /** And its leases have run out: it cannot renew them, either. */
  | { readonly kind: 'dead-or-stopped'; readonly askedOf: readonly string[] }
  /** There is nobody to ask. */
  | { readonly kind: 'silent-here' }

/** What of a finding makes it another one; figures may change under it. */
export const nameOf = (finding: HostFinding): string => ('link' in finding ? `${finding.kind} ${finding.link}` : finding.kind)

/**
 * `grey`: it is there, and something is wrong with it. Only `suspected` begins a take-over, and that comes from HeartbeatWatch alone.
 */
export type HostVerdict = 'unknown' | 'good' | 'grey' | 'suspected'
