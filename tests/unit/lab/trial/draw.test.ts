import { type Fault, parseFault } from '../../../../lib/lab/faults/fault'
import { Dice } from '../../../../lib/lab/trial/dice'
import { drawIncident } from '../../../../lib/lab/trial/draw'
import type { Incident } from '../../../../lib/lab/trial/incident'

const DRAWS = 2000
const pair = { holder: 'h2', other: 'h1' }
const drawn = (seed: number, alternate = false): Incident[] => {
  const dice = new Dice(seed)
  return Array.from({ length: DRAWS }, () => drawIncident(dice, { ...pair, alternate }))
}
const faultsOf = (incident: Incident): readonly Fault[] => (incident.kind === 'faults' ? incident.faults : [])

test('a seed draws the same incidents again, and another one others', () => {
  expect(drawn(7)).toEqual(drawn(7))
  expect(drawn(8)).not.toEqual(drawn(7))
})

test('each is one that a lab can do, and ends', () => {
  for (const incident of [...drawn(1), ...drawn(1, true)]) {
    if (incident.kind === 'faults') expect(incident.lastsMs).toBeGreaterThan(0)
    for (const fault of faultsOf(incident)) expect(parseFault({ ...fault }, ['h1', 'h2'])).toEqual(fault)
  }
})

test('everything that can happen happens', () => {
  const all = drawn(2)
  const faults = all.flatMap(faultsOf)
  expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(['faults', 'move']))
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['cut', 'process', 'host', 'disk', 'witness']))
  const cuts = faults.flatMap((fault) => (fault.kind === 'cut' ? [fault] : []))
  expect(new Set(cuts.map(({ direction }) => direction))).toEqual(new Set(['both', 'to', 'from']))
  expect(new Set(cuts.map(({ host, other, link }) => `${host} ${other} ${link}`))).toEqual(
    new Set(['h2 h1 management', 'h2 h1 alinks', 'h2 h1 all', 'h2 witness management', 'h1 witness management']),
  )
  expect(all.some((incident) => faultsOf(incident).length === 4)).toBe(true)
})

test('with two witnesses, to either of them', () => {
  const ofWitness = (fault: Fault): string[] => {
    if (fault.kind === 'witness') return [fault.name ?? 'unnamed']
    return fault.kind === 'cut' && fault.other !== 'h1' ? [`${fault.host} ${fault.other}`] : []
  }
  const all = (alternate: boolean) => new Set(drawn(3, alternate).flatMap(faultsOf).flatMap(ofWitness))
  expect(all(false)).toEqual(new Set(['witness', 'h1 witness', 'h2 witness']))
  expect(all(true)).toEqual(new Set([...all(false), 'alternate', 'h1 alternate', 'h2 alternate']))
})
