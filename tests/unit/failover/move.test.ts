import { join } from 'node:path'
import type { PowerState } from '../../../lib/core/domain/inventory'
import type { PlannedMove } from '../../../lib/core/domain/planned-move'
import { Move, type MoveEffect, type MoveEvent, type MoveStep } from '../../../lib/core/failover/move'
import { stories } from '../stories'
import { host, vm } from './transcript'

/**
 * `begin <this host> <from> <to> [halted|back]`, `looked <state> [host] [operations]`, `done <step>`, `not-done <step> <why>`,
 * `unanswered <step>`, `rested`; `again <n> <command>` says it so often, and what comes of it once if it is the same.
 */
class Story {
  #move: Move | null = null
  readonly #names = new Map(['h1', 'h2', 'h3'].map((name) => [host(name), name] as const))

  run(line: string): string[] {
    const [command = '', ...words] = line.split(' ')
    if (command === 'again') {
      const [times = '', ...again] = words
      const lines = Array.from({ length: Number(times) }, () => this.run(again.join(' '))).flat()
      return [...new Set(lines)]
    }
    const effects = command === 'begin' ? this.#begin(words) : (this.#move?.apply(this.#event(command, words)) ?? [])
    return effects.length === 0 ? ['nothing'] : effects.map((effect) => this.#readable(told(effect)))
  }

  #begin([here = '', from = '', to = '', how = '']: readonly string[]): readonly MoveEffect[] {
    const move: PlannedMove = {
      ...{ from: host(from), to: host(to), starts: how !== 'halted', back: how === 'back' },
      ...{ state: 'under-way', text: '' },
    }
    const nameOf = (uuid: PlannedMove['to']): string => this.#names.get(uuid) ?? uuid
    this.#move = new Move({ vm: vm('orders'), name: 'orders', here: host(here), move, nameOf })
    return this.#move.begin()
  }

  #event(command: string, words: readonly string[]): MoveEvent {
    const [first = '', second = '', ...rest] = words
    switch (command) {
      case 'looked': {
        if (first === 'gone') return { type: command, seen: null }
        const residentOn = second === '' || second === '-' ? null : host(second)
        return { type: command, seen: { powerState: first as PowerState, residentOn, operations: rest } }
      }
      case 'done':
        return { type: command, step: first as MoveStep }
      case 'not-done':
        return { type: command, step: first as MoveStep, why: second }
      case 'unanswered':
        return { type: command, step: first as MoveStep }
      case 'rested':
        return { type: command }
      default:
        throw new Error(`no such command: ${command}`)
    }
  }

  #readable(text: string): string {
    return [...this.#names].reduce((done, [uuid, name]) => done.replaceAll(uuid, name), text)
  }
}

function told(effect: MoveEffect): string {
  switch (effect.effect) {
    case 'record':
      return `record ${effect.entry.act} by ${effect.entry.rule}: ${effect.entry.text}`
    case 'alert':
      return `alert ${effect.priority} ${effect.name}: ${effect.text}`
    case 'rest':
      return `rest ${effect.ms} ms`
    case 'hand-over':
      return `hand-over to ${effect.to}`
    case 'start-on':
    case 'set-affinity':
      return `${effect.effect} ${effect.host}`
    case 'turn-around':
      return `turn-around: from ${effect.move.from} to ${effect.move.to}`
    case 'ended':
      return `ended: ${effect.move.state}`
    case 'look':
    case 'shut-down':
    case 'left-to-the-other':
      return effect.effect
  }
}

stories(join(__dirname, '..', '..', 'scenarios', 'move'), () => {
  const story = new Story()
  return (command) => story.run(command)
})
