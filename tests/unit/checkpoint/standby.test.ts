import { Standby } from '../../../lib/core/checkpoint/standby'
import type { StandbyEffect, StandbyEvent } from '../../../lib/core/checkpoint/standby-events'

const RUN = 7
const LIMITS = { aside: { pressBytes: 1000, bytesMax: 2000 }, backlogMax: 1, partBytesMax: 1000 }

class Player {
  readonly standby = new Standby<string>(LIMITS)

  tell(...events: readonly StandbyEvent<string>[]): string[] {
    return events.flatMap((event) => this.standby.apply(event)).map(word)
  }

  /** One whose first epoch is complete, applied and acknowledged. */
  receive(): void {
    this.tell({ on: 'begin', run: RUN }, { on: 'prepared', run: RUN, error: '' }, ...epoch(0), applied(0))
  }
}

const word = (effect: StandbyEffect<string>): string => {
  if (effect.do === 'write') return `write ${effect.changes.join('+')}`
  if (effect.do === 'failed') return `failed: ${effect.error}`
  return 'epoch' in effect ? `${effect.do} ${effect.epoch}` : effect.do
}
const change = (name: string, bytes = 1): StandbyEvent<string> => ({ on: 'change', change: name, bytes })
const applied = (number: number): StandbyEvent<string> => ({ on: 'applied', run: RUN, epoch: number, error: '' })
const cut = (number: number): StandbyEvent<string> => ({ on: 'cut', run: RUN, epoch: number })
const part = (number: number, kind: 'memory' | 'device', bytes = 1): StandbyEvent<string> => ({
  ...{ on: 'part', run: RUN, epoch: number, kind, bytes },
})
const end = (number: number, parts = 2): StandbyEvent<string> => ({ on: 'end', run: RUN, epoch: number, parts })
const epoch = (number: number): StandbyEvent<string>[] => [
  cut(number),
  part(number, 'memory'),
  part(number, 'device'),
  end(number),
]
const WRITTEN: StandbyEvent<string> = { on: 'written', error: '' }

test('changes wait for their epoch, and go in their order', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(change('a'), change('b'), cut(1), change('c'))).toEqual([])
  expect(player.tell(part(1, 'memory'), part(1, 'device'), end(1))).toEqual(['apply 1', 'ack 1', 'write a+b'])
  expect(player.tell(applied(1), WRITTEN, ...epoch(2))).toEqual(['apply 2', 'ack 2', 'write c'])
})

test('a pause that served for nothing counts for no end: the device state is taken anew, memory stays', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(cut(1), part(1, 'memory'), part(1, 'device'), change('a'), ...epoch(1).slice(0, 3), end(1, 3))).toEqual([
    ...['apply 1', 'ack 1', 'write a'],
  ])
})

test('an epoch of which something is missing ends the run, and the changes go through', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(change('a'), cut(1), part(1, 'memory'), end(1))).toEqual([
    'forget',
    'failed: epoch 1 did not come whole',
    'write a',
  ])
  expect(player.standby.outlook(RUN)).toBe('cannot')
})

test('a slow standby acknowledges late, and goes on from what it did not acknowledge', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(...epoch(1), ...epoch(2))).toEqual(['apply 1', 'ack 1'])
  expect(player.tell({ on: 'seal' }, applied(1), { on: 'take-over', claimed: RUN })).toEqual(['apply 2', 'dropped'])
  expect(player.tell(applied(2))).toEqual(['load 2'])
})

test('once sealed it hears nothing and says nothing', () => {
  const player = new Player()
  player.receive()
  expect(player.tell({ on: 'seal' }, change('a'), ...epoch(1), { on: 'leave', run: RUN })).toEqual([])
  expect(player.standby.complete).toBe(0)
  expect(player.tell({ on: 'unseal' })).toEqual(['forget', 'failed: a take-over was begun and not finished'])
})

test('it asks for the end of an epoch before it has no room, and gives up when there is none', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(change('a', 800), change('b', 1), change('c', 1))).toEqual(['press'])
  expect(player.tell(change('d', 800))).toEqual([
    'forget',
    'failed: the guest writes more in an epoch than can be held',
    'write a+b+c+d',
  ])
})

test('changes without data are not free', () => {
  const player = new Player()
  player.receive()
  const told = Array.from({ length: 8 }, () => player.tell(change('flush', 0))).flat()
  expect(told[0]).toBe('press')
  expect(told.some((each) => each.startsWith('failed'))).toBe(true)
})

test('it has left when the replica has everything', () => {
  const player = new Player()
  player.receive()
  expect(player.tell(change('a'), { on: 'leave', run: RUN }, change('b'))).toEqual(['forget', 'write a'])
  expect(player.standby.outlook(RUN)).toBe('restart')
  expect(player.tell(WRITTEN)).toEqual(['write b'])
  expect(player.tell(WRITTEN)).toEqual(['left'])
})

test.each([
  ['the run that is here', RUN, 'load'],
  ['no run', null, 'restart'],
  ['another run', RUN + 1, 'cannot'],
])('a claim that names %s', (_name, claimed, outlook) => {
  const player = new Player()
  player.receive()
  expect(player.standby.outlook(claimed)).toBe(outlook)
  expect(player.tell({ on: 'seal' }, { on: 'take-over', claimed }).at(-1)).toBe(outlook === 'load' ? 'load 0' : outlook)
})

test('what comes of another run, or after a new conversation began, is not of this one', () => {
  const player = new Player()
  player.receive()
  expect(player.tell({ on: 'end', run: RUN + 1, epoch: 1, parts: 0 }, { on: 'leave', run: RUN - 1 })).toEqual([])
  expect(player.tell(change('a'), { on: 'session' }, ...epoch(1), change('b'))).toEqual(['dropped', 'forget', 'write b'])
})

test('a replica that failed, and was made good since, does not keep the guest from going on', () => {
  const player = new Player()
  player.receive()
  player.tell(change('a'), ...epoch(1))
  player.tell({ on: 'written', error: 'EIO' })
  expect(player.standby.state).toBe('failed')
  expect(player.tell({ on: 'session' })).toEqual([])
  player.receive()
  expect(player.tell({ on: 'seal' }, { on: 'take-over', claimed: RUN }).at(-1)).toBe('load 0')
})

test.each([
  ['before it is asked for', false, 'restart'],
  ['while it is waited for', true, 'cannot'],
])('a replica that fails %s, by a change that was kept', (_name, isAsked, outcome) => {
  const player = new Player()
  player.receive()
  player.tell(change('a'), ...epoch(1))
  expect(player.tell({ on: 'session' })).toEqual(['forget'])
  const takeOver = [{ on: 'seal' }, { on: 'take-over', claimed: null }] as const
  const failed = { on: 'written', error: 'EIO' } as const
  expect(player.tell(...(isAsked ? [...takeOver, failed] : [failed, ...takeOver]))).toEqual([outcome])
})
