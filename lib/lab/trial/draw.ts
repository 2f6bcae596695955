import { type CutChoice, DIRECTIONS, DISK_ERRORS, DISK_OPS, type Fault } from '../faults/fault'
import { WITNESSES, type WitnessName } from '../net/plan'
import type { Dice } from './dice'
import type { Incident } from './incident'

/** The pair that the VM runs on, as it is when something is about to happen to it. */
export interface Pair {
  readonly holder: string
  readonly other: string
  /** There is a second witness. */
  readonly alternate?: boolean
}

type Draw = (dice: Dice, pair: Pair) => Incident

/** What may happen next. The same dice and the same pair draw the same. */
export function drawIncident(dice: Dice, pair: Pair): Incident {
  let left = dice.fraction() * KINDS.reduce((sum, [weight]) => sum + weight, 0)
  const [, draw] = KINDS.find(([weight]) => (left -= weight) < 0) ?? KINDS[0]
  return draw(dice, pair)
}

const faults = (name: string, list: readonly Fault[], lastsMs: number): Incident => ({
  kind: 'faults',
  name,
  faults: list,
  lastsMs,
})

const hostOf = (dice: Dice, { holder, other }: Pair): string => dice.of([holder, other])
const role = (host: string, { holder }: Pair): string => (host === holder ? 'holder' : 'peer')

type Way = [host: string, other: string, link: CutChoice]
const isWitness = (name: string): boolean => WITNESSES.some((each) => each === name)

const cuts: Draw = (dice, pair) => {
  const { holder, other, alternate } = pair
  const toAlternate = [holder, other].map((host): Way => [host, 'alternate', 'management'])
  const ways: Way[] = [
    [holder, other, 'management'],
    [holder, other, 'alinks'],
    [holder, 'witness', 'management'],
    [other, 'witness', 'management'],
    ...(alternate === true ? toAlternate : []),
  ]
  const [first, ...more] = ways
  const taken = first === undefined ? [] : dice.some([first, ...more], 0.5)
  const direction = dice.fraction() < 0.6 ? 'both' : dice.of(DIRECTIONS)
  const names = taken.map(([from, to, link]) => (isWitness(to) ? `${role(from, pair)}-${to}` : link))
  const way = direction === 'both' ? '' : direction === 'to' ? ', one way' : ', the other way'
  const list = taken.map(([host, to, link]): Fault => ({ kind: 'cut', host, other: to, link, direction }))
  return faults(`cut ${names.join(' + ')}${way}`, list, dice.between(2000, 12_000))
}

const kill: Draw = (dice, pair) => {
  const host = hostOf(dice, pair)
  const process = dice.of(['holdfast-worker', 'holdfastd', 'xapi', 'holdfast-watchdog'])
  return faults(`kill ${process} of the ${role(host, pair)}`, [{ kind: 'process', host, process, how: 'kill' }], 1000)
}

const stopProcess: Draw = (dice, pair) => {
  const host = hostOf(dice, pair)
  const process = dice.of(['holdfast-worker', 'holdfastd', 'xapi'])
  const lastsMs = dice.between(300, 10_000)
  return faults(`stop ${process} of the ${role(host, pair)}`, [{ kind: 'process', host, process, how: 'stop' }], lastsMs)
}

const standStill: Draw = (dice, pair) => {
  const host = hostOf(dice, pair)
  return faults(`the ${role(host, pair)} stands still`, [{ kind: 'host', host, how: 'stop' }], dice.between(1000, 30_000))
}

const powerOff: Draw = (dice, pair) => {
  const host = hostOf(dice, pair)
  return faults(`the ${role(host, pair)} without power`, [{ kind: 'host', host, how: 'off' }], dice.between(500, 15_000))
}

const bothOff: Draw = (dice, { holder, other }) => {
  const order = dice.of([
    [holder, other],
    [other, holder],
  ] as const)
  return faults(
    'both without power',
    order.map((host): Fault => ({ kind: 'host', host, how: 'off' })),
    dice.between(500, 5000),
  )
}

const disk: Draw = (dice, pair) => {
  const host = hostOf(dice, pair)
  const [ops, error] = [dice.of(DISK_OPS), dice.of(DISK_ERRORS)]
  const fault: Fault = { kind: 'disk', host, volume: null, ops, error }
  return faults(`disk of the ${role(host, pair)}: ${ops} ${error}`, [fault], dice.between(2000, 9000))
}

const which = (dice: Dice, { alternate }: Pair): WitnessName => (alternate === true ? dice.of(WITNESSES) : 'witness')
const the = (name: WitnessName): string => (name === 'witness' ? 'the witness' : 'the alternate witness')

const witness: Draw = (dice, pair) => {
  const name = which(dice, pair)
  return faults(`${the(name)} restarts`, [{ kind: 'witness', name }], dice.between(200, 8000))
}

const witnessWhileCut: Draw = (dice, pair) => {
  const name = which(dice, pair)
  const apart: Fault = { kind: 'cut', host: pair.holder, other: pair.other, link: 'all', direction: 'both' }
  const list: Fault[] = [apart, { kind: 'witness', name }]
  return faults(`${the(name)} restarts while the hosts are cut apart`, list, dice.between(200, 4000))
}

const move: Draw = () => ({ kind: 'move', name: 'move' })

const KINDS: readonly [readonly [weight: number, draw: Draw], ...(readonly [weight: number, draw: Draw])[]] = [
  [28, cuts],
  [14, kill],
  [8, stopProcess],
  [8, standStill],
  [12, powerOff],
  [5, bothOff],
  [10, disk],
  [5, witness],
  [4, witnessWhileCut],
  [8, move],
]
