import type { Tooth } from './hunt'

const CORE = 'lib/core/checkpoint'
const DRIVERS = 'lib/daemon/worker/lockstep'

const off = (rule: string, file: string, ...changes: readonly (readonly [find: string, replace: string])[]): Tooth => ({
  rule,
  changes: changes.map(([find, replace]) => ({ file, find, replace })),
})

/** Of the machines on both sides. */
const MACHINES: readonly Tooth[] = [
  off('output waits for the acknowledgement of its epoch', `${CORE}/rhythm.ts`, [
    "this.#cycle.over(), { do: 'send', run, epoch })",
    "this.#cycle.over(), { do: 'send', run, epoch }, { do: 'release', epoch })",
  ]),
  off('an acknowledgement is of this run', `${CORE}/epochs.ts`, [
    "event.on === 'begin' || event.run === this.#run",
    "event.on === 'begin' || event.on === 'ack' || event.run === this.#run",
  ]),
  off('output is held from the pause of the first epoch on', `${CORE}/rhythm.ts`, [
    "if (this.#epoch === 0) this.#out.push({ do: 'hold' })",
    '',
  ]),
  off('output is free again only when the claim does not list a lost peer', `${CORE}/epochs.ts`, [
    "      this.#claim('alone')\n    } else this.#nowAlone()",
    "      this.#claim('alone')\n    }\n    this.#nowAlone()",
  ]),
  off('output is free again only when the standby has left', `${CORE}/epochs.ts`, [
    "{ do: 'answer', when: 'both' }, { do: 'leave', run: this.#run })",
    "{ do: 'answer', when: 'both' }, { do: 'leave', run: this.#run }, { do: 'free' })",
  ]),
  off('a new worker claims before anything leaves', `${CORE}/epochs.ts`, [
    "else this.#out.push({ do: 'hold' }",
    "else this.#out.push({ do: 'free' }",
  ]),
  off('a new worker lets go on whom the former one paused', `${CORE}/epochs.ts`, ['this.#rhythm.resume(nowMs), ', '']),
  off('writes are answered by the local replica alone only when the claim names the run', `${CORE}/epochs.ts`, [
    "      this.#claim('lockstep')",
    "      this.#claim('lockstep')\n      this.#out.push({ do: 'answer', when: 'local' })",
  ]),
  off('from leaving on writes are answered when both have them', `${CORE}/epochs.ts`, [
    "this.#out.push({ do: 'answer', when: 'both' }, { do: 'leave'",
    "this.#out.push({ do: 'leave'",
  ]),
  off(
    'an epoch is cut before the guest goes on',
    `${CORE}/rhythm.ts`,
    [
      "this.#out.push({ do: 'cut', run, epoch }, this.#cycle.over(), { do: 'send', run, epoch })",
      "this.#out.push(this.#cycle.over(), { do: 'send', run, epoch })",
    ],
    [
      "      case 'resumed': {\n",
      "      case 'resumed': {\n        if (this.#unconfirmed.count > 0) this.#out.push({ do: 'cut', run: this.#run, epoch: this.#epoch - 1 })\n",
    ],
  ),
  off('what a standby sends again the guest that goes on has sent', `${CORE}/recent-traffic.ts`, [
    "each.way === 'sent' && each.epoch <= epoch",
    "each.way === 'sent'",
  ]),
  off('frames that leave are of committed epochs', `${CORE}/output-ledger.ts`, [
    'closed.epoch > epoch)',
    'closed.epoch > epoch + 1)',
  ]),
  off('an epoch is acknowledged when it is complete', `${CORE}/standby.ts`, [
    '        this.#aside.cut(event.epoch)\n',
    "        this.#aside.cut(event.epoch)\n        this.#out.push({ do: 'ack', run: this.#run, epoch: event.epoch })\n",
  ]),
  off('nothing incomplete is loaded', `${CORE}/standby.ts`, [
    "if (this.#taking === 'load') this.#out",
    "if (this.#taking === 'load') this.#backlog.completed(0)\n    if (this.#taking === 'load') this.#out",
  ]),
  off(
    'the disk is changed when the epoch is complete',
    `${CORE}/standby.ts`,
    ['if (!this.#holding) {', 'if (writesAtOnce()) {'],
    ['export type StandbyState', 'const writesAtOnce = (): boolean => true\nexport type StandbyState'],
  ),
  off('changes of an epoch that is not complete are dropped at a take-over', `${CORE}/standby.ts`, [
    "{ do: 'dropped', changes: this.#aside.takeAll().length })\n    if (this.#taking === 'restart'",
    "{ do: 'dropped', changes: 0 })\n    this.#lane.add(this.#aside.takeAll())\n    if (this.#taking === 'restart'",
  ]),
  off('a guest goes on when memory and disk are there', `${CORE}/standby.ts`, [
    "if (taking === 'load' && !this.#backlog.isApplied) return",
    '',
  ]),
  off('a guest goes on when the disk of the last epoch is written', `${CORE}/standby.ts`, ['if (!this.#lane.isIdle) return', '']),
  off(
    'a sealed standby acknowledges nothing',
    `${CORE}/standby.ts`,
    ['if (!this.#sealed) this.#told(event)', 'this.#told(event)'],
    ['if (this.#sealed) return', ''],
  ),
  off('a memory is loaded that the claim names', `${CORE}/standby.ts`, [
    "if (claimed === null) return 'restart'\n    if (claimed !== this.#run) return 'cannot'",
    "if (this.complete >= 0) return 'load'\n    if (claimed === null) return 'restart'",
  ]),
  off('a run that was left, or failed, is not loaded', `${CORE}/standby.ts`, [
    "if (this.#state === 'left') return 'restart'\n    return this.#state === 'receiving' && this.complete >= 0 ? 'load' : 'cannot'",
    "return 'load'",
  ]),
  off('what comes first is written first', `${CORE}/write-lane.ts`, [
    'this.#waiting.push(change)',
    'this.#waiting.unshift(change)',
  ]),
]

/** Of the drivers that carry out what the machines ask for. */
const DRIVEN: readonly Tooth[] = [
  off('whose guest another worker may have paused counts as paused', `${DRIVERS}/monitored-guest.ts`, [
    '    this.#mayStand = mayStand\n',
    '    this.#mayStand = false\n',
  ]),
  off('a guest whose resuming failed has another monitor', `${DRIVERS}/monitored-guest.ts`, [
    '        await this.#drop()\n        throw error\n',
    '        throw error\n',
  ]),
  off('a guest that somebody else has paused is left paused', `${DRIVERS}/monitored-guest.ts`, [
    '      this.#mayStand = false\n      return false\n',
    '      return false\n',
  ]),
  off('output is taken off its way before a run begins', `${DRIVERS}/lockstep-primary.ts`, [
    '      await this.#output.open()\n',
    '',
  ]),
  off('a capture that failed ends the run: what it had found is found no more', `${DRIVERS}/lockstep-primary.ts`, [
    "    this.leave(`the guest's monitor failed: ${error}`)\n",
    '',
  ]),
  off(
    'output that cannot be held any more ends the run',
    `${DRIVERS}/lockstep-primary.ts`,
    ["failed: (error: string) => this.leave(`the guest's output failed: ${error}`)", 'failed: () => undefined'],
    ['() => this.#output.settled(),', '() => Promise.resolve(),'],
  ),
  off('the cut is told to the peer, so that its disk knows of it', `${DRIVERS}/lockstep-primary.ts`, [
    "        this.needs.link()?.send({ type: 'epoch-cut', run: effect.run, epoch: effect.epoch, term: this.needs.term() })\n",
    '',
  ]),
  off('the cut is told to the held output, too', `${DRIVERS}/lockstep-primary.ts`, [
    '        this.#output.cut(effect.epoch)\n',
    '',
  ]),
  off('what was captured at a pause that was given up is of the epoch that goes on', `${DRIVERS}/epoch-parts.ts`, [
    '      if (this.#captured === found) more(found.pages)\n',
    '',
  ]),
  off('a buffer is used again when what was in it is copied', `${DRIVERS}/memory-pieces.ts`, [
    'Buffer.from(bytes.subarray(from, at))',
    'bytes.subarray(from, at)',
  ]),
  off('the first copy is filled part by part, in its order', `${DRIVERS}/run-standby.ts`, ['    this.#lane = done\n', '']),
  off('two standbys are never there at once', `${DRIVERS}/lockstep-standby.ts`, [
    'this.needs.prepare, this.#gone)',
    'this.needs.prepare, Promise.resolve())',
  ]),
  off('a part of the first copy that is not in the memory ends the run', `${DRIVERS}/lockstep-standby.ts`, [
    "    if (error !== '') this.#tell({ on: 'applied', run, epoch: 0, error })\n",
    '',
  ]),
  off('changes go to the replica one after the other', `${DRIVERS}/lockstep-standby.ts`, [
    'failed = await this.needs.write(change)',
    'void this.needs.write(change)',
  ]),
  off('a replica that failed before it was made good does not keep a guest from going on', `${CORE}/standby.ts`, [
    '    this.#lane.forgive()\n',
    '',
  ]),
]

export const LOCKSTEP_TEETH: readonly Tooth[] = [...MACHINES, ...DRIVEN]
