import type { Told } from './agreement'

/** For the timeline: what became of a switch to the witness of that name. */
export function switchText(rule: Told, name: string): string {
  switch (rule) {
    case 'switch-begun':
      return `The ${name} witness is to decide from now on. Until it does, the peer's promises hold the lease.`
    case 'switch-decided':
      return `The ${name} witness decides now.`
    case 'switch-overtaken':
      return `The ${name} witness decides now: another host was faster.`
    case 'switch-void':
      return `The switch is void: another host holds the claim, and the ${name} witness decides as before.`
  }
}
