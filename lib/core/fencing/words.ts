import type { Objection, VoidRule } from '../domain/fence'

/** Why an operator's word on a host is not wanted, and what to do instead. `name`: the host's; `heardBy`: names. */
export function objectionWords(against: Objection, name: string, heardBy: readonly string[]): { why: string; todo: string } {
  switch (against) {
    case 'not-suspected':
      return {
        why: `${name} is heard, here or by a worker of this host.`,
        todo: 'Nothing needs to be done: what is heard is not off.',
      }
    case 'lease-current':
      return { why: `${name} has just fallen silent, and its leases may still run.`, todo: 'Wait some seconds, and look again.' }
    case 'lease-over':
      return { why: `${name} holds no claim any more, so nothing waits for this word.`, todo: 'Nothing needs to be done.' }
    case 'others-not-asked':
      return { why: 'The other hosts have not said yet whether they hear it.', todo: 'Wait some seconds, and repeat.' }
    case 'seen-by-others':
      return {
        why: `It is still heard by ${heardBy.join(', ')}.`,
        todo: `${name} runs: mend the links between it and this host.`,
      }
    case 'power-is-on':
      return { why: `The power switch of ${name} says that it is on.`, todo: 'Switch it off, wait some seconds, and repeat.' }
    case 'power-not-tried':
      return { why: `The power switch of ${name} has its time first.`, todo: 'Wait half a minute, and look again.' }
    case 'proven-already':
      return { why: `It is proven already that ${name} is off.`, todo: 'Nothing needs to be done.' }
  }
}

/** Why a proof ends, as the end of a sentence. */
export function voidWords(rule: VoidRule): string {
  switch (rule) {
    case 'host-seen':
      return 'it is heard again'
    case 'seen-by-others':
      return 'another host hears it'
    case 'power-is-on':
      return 'its power switch says that it is on'
    case 'proof-lapsed':
      return 'its power switch has not said so again in time'
  }
}
