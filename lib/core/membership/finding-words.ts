import type { HostFinding } from '../domain/host-finding'

/** A finding on a host as a part of a sentence about it: "h2 ...". `nameOf` also gets the names of witnesses. */
export function findingWords(finding: HostFinding, nameOf: (of: string) => string): string {
  switch (finding.kind) {
    case 'lossy':
      return `loses heartbeats on ${finding.link}: ${finding.lost} of the last 50`
    case 'late':
      return `has its heartbeats held up on ${finding.link}: ${finding.late} of the last 50`
    case 'slow':
      return `is slow: its timers were up to ${finding.worstLagMs} ms late`
    case 'hears-us-not':
      return `does not hear this host on ${finding.link}, although it is heard there`
    case 'not-heard':
      return `is not heard on ${finding.link}, although it hears this host there`
    case 'was-cut-off':
      return `was cut off for ${seconds(finding.silentMs)}, and had gone on all the while`
    case 'was-stopped':
      return `had stood still for ${seconds(finding.silentMs)}: ${finding.machine ? 'the machine' : 'its daemon alone'}`
    case 'was-restarted':
      return `was restarted, and silent for ${seconds(finding.silentMs)}`
    case 'cut-off-from-here':
      return `is silent here, but heard by ${finding.heardBy.map(nameOf).join(', ')}`
    case 'silent-everywhere':
      return `is silent here, and not heard by ${finding.askedOf.map(nameOf).join(', ')}`
    case 'dead-or-stopped':
      return 'is silent, and its leases have run out: it is dead, or stands still'
    case 'silent-here':
      return 'is silent here, and there is no other host to ask'
  }
}

/** The figures behind it, as the timeline keeps them. */
export function findingEvidence(finding: HostFinding): Readonly<Record<string, string | number | boolean>> {
  switch (finding.kind) {
    case 'lossy':
      return { [`${finding.link}Lost`]: finding.lost }
    case 'late':
      return { [`${finding.link}Late`]: finding.late }
    case 'slow':
      return { worstLagMs: finding.worstLagMs }
    case 'hears-us-not':
      return { [`${finding.link}HearsUs`]: false }
    case 'not-heard':
      return { [`${finding.link}Heard`]: false }
    case 'was-stopped':
      return { silentMs: finding.silentMs, machine: finding.machine }
    case 'was-cut-off':
    case 'was-restarted':
      return { silentMs: finding.silentMs }
    case 'cut-off-from-here':
      return { heardBy: finding.heardBy.join(' ') }
    case 'silent-everywhere':
    case 'dead-or-stopped':
      return { askedOf: finding.askedOf.join(' ') }
    case 'silent-here':
      return {}
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
