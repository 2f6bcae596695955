import { LockstepStandby } from '../../../lib/daemon/worker/lockstep/lockstep-standby'
import { PAGE_BYTES, type MemoryRange } from '../../../lib/ports/changed-memory'
import type { StandbyMachine } from '../../../lib/ports/standby-machine'
import type { EpochOrder, EpochReport } from '../../../lib/wire/peer-epochs'

const PAGES = 4
const TERM = 1

/** What is asked of a host is done when it is told to, in its order. */
class Host {
  readonly said: string[] = []
  readonly reports: EpochReport[] = []
  readonly #asked: (() => void)[] = []

  readonly standby = new LockstepStandby<string>({
    vm: 'vm',
    prepare: ({ run }) => this.#ask(`prepare ${run}`, () => this.#machine(run)),
    send: (report) => this.reports.push(report),
    write: (change) => this.#ask(`write ${change}`, () => (change === 'bad' ? 'EIO' : '')),
    dropped: () => undefined,
    note: () => undefined,
  })

  /** Everything that is asked for, also what is asked for then. */
  async work(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.#asked.shift()
      if (next === undefined) return
      next()
    }
  }

  /** So that whatever is to be asked for was. */
  settle(): Promise<unknown> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  begin(run: number): void {
    this.standby.frame({ type: 'epoch-begin', run, memoryBytes: PAGES * PAGE_BYTES, way: 'devices', term: TERM })
  }

  async receive(run: number): Promise<void> {
    this.begin(run)
    await this.work()
    this.epoch(run, 0)
    await this.work()
  }

  memory(run: number, epoch: number, ...runs: readonly MemoryRange[]): void {
    const data = Buffer.alloc(runs.reduce((sum, { length }) => sum + length, 0))
    this.standby.frame({ type: 'epoch-part', run, epoch, kind: 'memory', runs, data, term: TERM })
  }

  epoch(run: number, epoch: number): void {
    const of = { run, epoch, term: TERM }
    const frames: EpochOrder[] = [
      { type: 'epoch-cut', ...of },
      { type: 'epoch-part', kind: 'device', data: Buffer.alloc(1), ...of },
      { type: 'epoch-end', parts: 1, ...of },
    ]
    for (const frame of frames) this.standby.frame(frame)
  }

  #ask<T>(what: string, act: () => T): Promise<T> {
    this.said.push(what)
    return new Promise((resolve) =>
      this.#asked.push(() => {
        this.said.push(`${what} done`)
        resolve(act())
      }),
    )
  }

  #machine(run: number): StandbyMachine {
    const machine = {
      domid: String(run),
      fill: () => this.#ask(`fill ${run}`, () => undefined),
      load: () => this.#ask(`load ${run}`, () => undefined),
      run: () => this.#ask(`run ${run}`, () => undefined),
      end: () => this.#ask(`end ${run}`, () => undefined),
    }
    return machine
  }
}

test('the next standby is prepared when the former one is gone, whatever that one was just doing', async () => {
  const host = new Host()
  host.begin(1)
  await host.settle()
  host.begin(2)
  host.begin(3)
  await host.work()
  const prepared = (run: number): number => host.said.indexOf(`prepare ${run}`)
  expect(prepared(3)).toBeGreaterThan(host.said.indexOf('end 1 done'))
  // Nobody waits for the second one any more.
  expect(prepared(2)).toBe(-1)
  expect(host.reports).toEqual([{ type: 'epoch-begun', run: 3 }])
})

test('a standby that is being filled is gone before the next one is prepared', async () => {
  const host = new Host()
  host.begin(1)
  await host.work()
  host.memory(1, 0, { offset: 0, length: PAGE_BYTES })
  await host.settle()
  host.begin(2)
  await host.work()
  expect(host.said.slice(2)).toEqual(['fill 1', 'fill 1 done', 'end 1', 'end 1 done', 'prepare 2', 'prepare 2 done'])
})

test('changes reach the replica one after the other, in their order, those of a later epoch behind it', async () => {
  const host = new Host()
  await host.receive(1)
  host.said.length = 0
  host.standby.change('a', 1)
  host.standby.change('b', 1)
  host.epoch(1, 1)
  host.standby.change('c', 1)
  await host.work()
  expect(host.said.filter((what) => what.startsWith('write'))).toEqual(['write a', 'write a done', 'write b', 'write b done'])
  host.epoch(1, 2)
  await host.work()
  expect(host.said.filter((what) => what.startsWith('write')).slice(-2)).toEqual(['write c', 'write c done'])
})

test('what comes behind a change that failed is not written', async () => {
  const host = new Host()
  await host.receive(1)
  host.said.length = 0
  for (const change of ['a', 'bad', 'c']) host.standby.change(change, 1)
  host.epoch(1, 1)
  await host.work()
  expect(host.said.filter((what) => what.startsWith('write'))).toEqual(['write a', 'write a done', 'write bad', 'write bad done'])
  expect(host.reports.at(-1)).toEqual({ type: 'epoch-failed', run: 1, error: 'the replica failed: EIO' })
})

test.each<[string, number, MemoryRange[], boolean]>([
  ['up to the end of the memory', 0, [{ offset: 0, length: PAGES * PAGE_BYTES }], true],
  ['one page beyond it', 0, [{ offset: PAGES * PAGE_BYTES, length: PAGE_BYTES }], false],
  ['over its end', 0, [{ offset: PAGE_BYTES, length: PAGES * PAGE_BYTES }], false],
  [
    'with a second run beyond it, in a later epoch',
    1,
    [
      { offset: 0, length: PAGE_BYTES },
      { offset: 2 ** 40, length: PAGE_BYTES },
    ],
    false,
  ],
])('a part of memory %s', async (_name, epoch, runs, isTaken) => {
  const host = new Host()
  host.begin(1)
  await host.work()
  if (epoch > 0) {
    host.epoch(1, 0)
    await host.work()
  }
  host.memory(1, epoch, ...runs)
  await host.work()
  expect(host.standby.state).toBe(isTaken ? 'receiving' : 'failed')
  const failed = { type: 'epoch-failed', run: 1, error: 'the standby cannot be filled: a part is of no memory of the guest' }
  if (!isTaken) expect(host.reports.at(-1)).toEqual(failed)
})
