import { hostUuid, vmUuid, type HostUuid, type VmUuid } from '../../../lib/core/domain/ids'
import type { PowerState } from '../../../lib/core/domain/inventory'
import type { FailoverEffect, Seen, XapiStep } from '../../../lib/core/failover/effects'
import { Failover, type FailoverEvent, type LostVm } from '../../../lib/core/failover/failover'

const named = (name: string): string => `${Buffer.from(name.padEnd(4)).toString('hex').slice(0, 8)}-0000-4000-8000-000000000000`
export const host = (name: string): HostUuid => hostUuid(named(name))
export const vm = (name: string): VmUuid => vmUuid(named(name))

/** Whether a guest here uses its disks; without such a word one does where XAPI shows the VM here. */
const SERVED: Readonly<Record<string, boolean | null>> = { served: true, unserved: false, unknown: null }

/**
 * One incident told line by line: `<ms> <command> <words>`. VMs are `name`, `name:rank`, `name:rank+delay`, each with `!` behind
 * it when the VM was not running. Names must differ in their first four letters.
 */
export class Incident {
  private machine: Failover | null = null
  private here = ''
  private readonly names = new Map<string, string>()

  run(line: string): string[] {
    const [at = '', command = '', ...words] = line.split(/\s+/)
    if (command === 'begin') {
      const [here = '', coordinator = ''] = words
      this.here = here
      this.machine = new Failover(this.host(here), this.host(coordinator))
      return ['ok']
    }
    if (this.machine === null) throw new Error('an incident starts with: 0 begin <this host> <coordinator>')
    const effects = this.machine.apply(this.event(command, words), Number(at))
    return effects.length === 0 ? ['nothing'] : effects.map((effect) => this.readable(effectText(effect)))
  }

  private event(command: string, words: readonly string[]): FailoverEvent {
    const [first = '', second = '', ...rest] = words
    switch (command) {
      case 'host-suspected':
        return {
          type: command,
          host: this.host(first),
          evidence: { silentMs: 600 },
          vms: words.slice(1).map((word) => this.lost(word)),
        }
      case 'ran-here':
        return {
          type: command,
          vms: words.map((word) => ({ ...this.lost(word), term: 1, why: word.endsWith('!') ? 'self-fenced' : 'host-went-down' })),
        }
      case 'host-back':
      case 'coordinator-is':
      case 'coordinator-shown':
        return { type: command, host: this.host(first) }
      case 'election-lost':
        return { type: command, winner: this.host(first) }
      case 'claim-taken':
        return { type: command, vm: this.vm(first), term: Number(second), goesOn: rest.includes('goes-on') }
      case 'claim-refused':
        return { type: command, vm: this.vm(first), why: second, leaseLeftMs: Number(rest[0]), mayHold: rest[1] === 'may-hold' }
      case 'claim-lost':
        return { type: command, vm: this.vm(first), holder: this.host(second) }
      case 'looked':
        return {
          type: command,
          vm: this.vm(first),
          seen: this.seen(
            second,
            rest.filter((word) => !(word in SERVED)),
          ),
          servedHere: this.served(rest),
        }
      case 'xapi-answered':
      case 'xapi-silent':
        return { type: command, vm: this.vm(first), step: second as XapiStep }
      case 'xapi-failed':
        return { type: command, vm: this.vm(first), step: second as XapiStep, code: rest[0] ?? '' }
      case 'promote-failed':
        return { type: command, code: first }
      case 'coordinator-silent':
      case 'election-won':
      case 'election-unanswered':
      case 'promote-answered':
      case 'promote-silent':
      case 'tick':
        return { type: command }
      default:
        throw new Error(`no such command: ${command}`)
    }
  }

  private lost(word: string): LostVm {
    const match = /^(\w+)(?::(\d+))?(?:\+(\d+))?(!?)$/.exec(word)
    if (match === null) throw new Error(`not a VM: ${word}`)
    const [, name = '', rank = '0', delay = '0', halted] = match
    return { vm: this.vm(name), name, rank: Number(rank), delaySeconds: Number(delay), wasRunning: halted === '' }
  }

  private seen(state: string, [on = '-', ...operations]: readonly string[]): Seen {
    if (state === 'gone') return null
    return { powerState: state as PowerState, residentOn: on === '-' ? null : this.host(on), operations }
  }

  private served(words: readonly string[]): boolean | null {
    const said = words.find((word) => word in SERVED)
    return said === undefined ? words[0] === this.here : (SERVED[said] ?? null)
  }

  private host(name: string): HostUuid {
    this.names.set(host(name), name)
    return host(name)
  }

  private vm(name: string): VmUuid {
    this.names.set(vm(name), name)
    return vm(name)
  }

  private readable(text: string): string {
    return [...this.names].reduce((done, [uuid, name]) => done.replaceAll(uuid, name), text)
  }
}

function effectText(effect: FailoverEffect): string {
  switch (effect.effect) {
    case 'record': {
      const { act, rule, text, evidence } = effect.entry
      const facts = Object.entries(evidence).map(([name, value]) => ` ${name}=${String(value)}`)
      return `record ${act} by ${rule}: ${text} |${facts.join('')}`
    }
    case 'alert':
      return `alert ${effect.priority} ${effect.name}: ${effect.text}`
    case 'start-on':
    case 'set-affinity':
      return `${effect.effect} ${effect.vm} ${effect.host}`
    case 'take-over':
    case 'look':
    case 'reset-power-state':
      return `${effect.effect} ${effect.vm}`
    case 'elect-coordinator':
      return `elect-coordinator instead of ${effect.instead}`
    case 'ask-coordinator':
    case 'promote-coordinator':
    case 'recover-slaves':
      return effect.effect
  }
}
