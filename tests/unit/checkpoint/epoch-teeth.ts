import type { Tooth } from './mutated-world'

/** Each rule of lockstep's machines without which output, memory and disk go apart, or the guest stands. */
export const TEETH: readonly Tooth[] = [
  {
    rule: 'output waits for the acknowledgement of its epoch',
    seed: 9,
    file: 'rhythm.ts',
    changes: [
      [
        "{ do: 'send', run: this.#run, epoch: this.#epoch })",
        "{ do: 'send', run: this.#run, epoch: this.#epoch }, { do: 'release', epoch: this.#epoch })",
      ],
    ],
  },
  {
    rule: 'an acknowledgement is of this run',
    seed: 20,
    file: 'epochs.ts',
    changes: [
      [
        "event.on === 'begin' || event.run === this.#run",
        "event.on === 'begin' || event.on === 'ack' || event.run === this.#run",
      ],
    ],
  },
  {
    rule: 'output is held from the pause of the first epoch on',
    seed: 6,
    file: 'rhythm.ts',
    changes: [["if (this.#epoch === 0) this.#out.push({ do: 'hold' })", '']],
  },
  {
    rule: 'output is free again only when the claim does not list a lost peer',
    seed: 6,
    file: 'epochs.ts',
    changes: [
      ["      this.#claim('alone')\n    } else this.#nowAlone()", "      this.#claim('alone')\n    }\n    this.#nowAlone()"],
    ],
  },
  {
    rule: 'output is free again only when the standby has left',
    seed: 50,
    file: 'epochs.ts',
    changes: [
      [
        "{ do: 'answer', when: 'both' }, { do: 'leave', run: this.#run })",
        "{ do: 'answer', when: 'both' }, { do: 'leave', run: this.#run }, { do: 'free' })",
      ],
    ],
  },
  {
    rule: 'a new worker claims before anything leaves',
    seed: 25,
    file: 'epochs.ts',
    changes: [["else this.#out.push({ do: 'hold' }", "else this.#out.push({ do: 'free' }"]],
  },
  {
    rule: 'a new worker lets go on whom the former one paused',
    seed: 135,
    file: 'epochs.ts',
    changes: [['this.#rhythm.resume(nowMs), ', '']],
  },
  {
    rule: 'writes are answered by the local replica alone only when the claim names the run',
    seed: 15,
    file: 'epochs.ts',
    changes: [
      ["      this.#claim('lockstep')", "      this.#claim('lockstep')\n      this.#out.push({ do: 'answer', when: 'local' })"],
    ],
  },
  {
    rule: 'from leaving on writes are answered when both have them',
    seed: 28,
    file: 'epochs.ts',
    changes: [["this.#out.push({ do: 'answer', when: 'both' }, { do: 'leave'", "this.#out.push({ do: 'leave'"]],
  },
  {
    rule: 'an epoch is cut before the guest goes on',
    seed: 135,
    file: 'rhythm.ts',
    changes: [
      [
        "this.#out.push({ do: 'cut', run: this.#run, epoch: this.#epoch }, this.#cycle.capture(this.#epoch))",
        'this.#out.push(this.#cycle.capture(this.#epoch))',
      ],
      [
        "      case 'resumed': {\n",
        "      case 'resumed': {\n        if (this.#unconfirmed.count > 0) this.#out.push({ do: 'cut', run: this.#run, epoch: this.#epoch - 1 })\n",
      ],
    ],
  },
  {
    rule: 'frames that leave are of committed epochs',
    seed: 12,
    file: 'output-ledger.ts',
    changes: [['closed.epoch > epoch)', 'closed.epoch > epoch + 1)']],
  },
  {
    rule: 'an epoch is acknowledged when it is complete',
    seed: 24,
    file: 'standby.ts',
    changes: [
      [
        '        this.#aside.cut(event.epoch)\n',
        "        this.#aside.cut(event.epoch)\n        this.#out.push({ do: 'ack', run: this.#run, epoch: event.epoch })\n",
      ],
    ],
  },
  {
    rule: 'nothing incomplete is loaded',
    seed: 6,
    file: 'standby.ts',
    changes: [
      [
        "if (this.#taking === 'load') this.#out",
        "if (this.#taking === 'load') this.#backlog.completed(0)\n    if (this.#taking === 'load') this.#out",
      ],
    ],
  },
  {
    rule: 'the disk is changed when the epoch is complete',
    seed: 5,
    file: 'standby.ts',
    changes: [
      ['if (!this.#holding) {', 'if (writesAtOnce()) {'],
      ['export type StandbyState', 'const writesAtOnce = (): boolean => true\nexport type StandbyState'],
    ],
  },
  {
    rule: 'changes of an epoch that is not complete are dropped at a take-over',
    seed: 6,
    file: 'standby.ts',
    changes: [
      [
        "{ do: 'dropped', changes: this.#aside.takeAll().length })\n    if (this.#taking === 'restart'",
        "{ do: 'dropped', changes: 0 })\n    this.#lane.add(this.#aside.takeAll())\n    if (this.#taking === 'restart'",
      ],
    ],
  },
  {
    rule: 'a guest goes on when memory and disk are there',
    seed: 149,
    file: 'standby.ts',
    changes: [["if (taking === 'load' && !this.#backlog.isApplied) return", '']],
  },
  {
    rule: 'a guest goes on when the disk of the last epoch is written',
    seed: 49,
    file: 'standby.ts',
    changes: [['if (!this.#lane.isIdle) return', '']],
  },
  {
    rule: 'a sealed standby acknowledges nothing',
    seed: 33,
    file: 'standby.ts',
    changes: [
      ['if (!this.#sealed) this.#told(event)', 'this.#told(event)'],
      ['if (this.#sealed) return', ''],
    ],
  },
  {
    rule: 'a memory is loaded that the claim names',
    seed: 4,
    file: 'standby.ts',
    changes: [
      [
        "if (claimed === null) return 'restart'\n    if (claimed !== this.#run) return 'cannot'",
        "if (this.complete >= 0) return 'load'\n    if (claimed === null) return 'restart'",
      ],
    ],
  },
  {
    rule: 'a run that was left, or failed, is not loaded',
    seed: 13,
    file: 'standby.ts',
    changes: [
      [
        "if (this.#state === 'left') return 'restart'\n    return this.#state === 'receiving' && this.complete >= 0 ? 'load' : 'cannot'",
        "return 'load'",
      ],
    ],
  },
  {
    rule: 'what comes first is written first',
    seed: 4,
    file: 'write-lane.ts',
    changes: [['this.#waiting.push(change)', 'this.#waiting.unshift(change)']],
  },
]
