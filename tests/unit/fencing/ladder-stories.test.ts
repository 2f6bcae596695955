import { join } from 'node:path'
import { hostUuid } from '../../../lib/core/domain/ids'
import type { LadderEffect, LadderEvent } from '../../../lib/core/fencing/events'
import { FenceLadder } from '../../../lib/core/fencing/ladder'
import { stories } from '../stories'

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const THIRD = hostUuid('cccccccc-0000-4000-8000-000000000003')

/** Commands: `begin [power] [confirmed] [long-lease]`, then `MS EVENT [WORD]`. Questions are answered in the order in which they were asked. */
class Incident {
  private ladder = new FenceLadder({ host: HOST, leaseOverMs: 1565, hasPower: false, confirmed: false })
  private ask = 0
  private save = 0

  run(command: string): readonly string[] {
    const [first = '', second = '', word = ''] = command.split(' ')
    if (first === 'begin') {
      const words = command.split(' ')
      const [hasPower, confirmed] = [words.includes('power'), words.includes('confirmed')]
      const leaseOverMs = words.includes('long-lease') ? 20_250 : 1565
      this.ladder = new FenceLadder({ host: HOST, leaseOverMs, hasPower, confirmed })
      return ['ok']
    }
    const told = this.ladder.apply(this.eventOf(Number(first), second, word)).map((effect) => this.told(effect))
    return told.length === 0 ? ['nothing'] : told
  }

  private eventOf(atMs: number, name: string, word: string): LadderEvent {
    switch (name) {
      case 'suspected':
      case 'seen':
      case 'lease-over':
      case 'tick':
        return { on: name, atMs }
      case 'at-stake':
        return { on: name, isAtStake: word === 'yes', atMs }
      case 'others-see':
        return { on: name, hosts: word === 'nothing' ? [] : [THIRD], atMs }
      case 'switch-off':
        return { on: 'asked', ask: this.ask, outcome: word === 'asked' ? 'asked' : 'failed', atMs }
      case 'power':
        return { on: 'power', ask: this.ask, status: word === 'on' || word === 'off' ? word : 'unknown', atMs }
      case 'operator':
        return { on: 'operator-confirms', who: word, atMs }
      case 'saved':
      case 'not-saved':
        return { on: name, save: this.save, atMs }
      default:
        throw new Error(`no such event: ${name}`)
    }
  }

  private told(effect: LadderEffect): string {
    switch (effect.do) {
      case 'power-off':
      case 'power-status':
        this.ask = effect.ask
        return effect.do
      case 'proof':
        return `proof by ${effect.proof.by} from ${effect.proof.atMs} until ${effect.proof.voidAtMs ?? 'the host is seen'}`
      case 'void':
        return `void by ${effect.rule}`
      case 'offer':
        return effect.against === null ? 'an operator may confirm' : `not offered: ${effect.against}`
      case 'refuse':
        return `refused: ${effect.against}`
      case 'save':
        this.save = effect.save
        return `save the word of ${effect.who}`
      case 'forget':
        return 'forget the word'
    }
  }
}

stories(join(__dirname, '..', '..', 'scenarios', 'fencing'), () => {
  const incident = new Incident()
  return (command) => incident.run(command)
})
