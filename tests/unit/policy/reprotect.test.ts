import { hostUuid, vmUuid, type VmUuid } from '../../../lib/core/domain/ids'
import { Reprotect, type KeptVm, type ReprotectEffect, type ReprotectEvent } from '../../../lib/core/policy/reprotect'

const H2 = hostUuid('00000000-0000-4000-8000-000000000002')
const H3 = hostUuid('00000000-0000-4000-8000-000000000003')
const WEB = vmUuid('00000000-0000-4000-8000-0000000000aa')
const DB = vmUuid('00000000-0000-4000-8000-0000000000bb')

const kept = (vm: VmUuid, more: Partial<KeptVm> = {}): KeptVm => ({
  ...{ vm, secondary: H2, isSilent: true, isWhole: false, waitsFor: '', leftBecause: '' },
  ...more,
})

class Story {
  readonly machine: Reprotect
  constructor(afterMs = 60_000) {
    this.machine = new Reprotect(afterMs)
  }

  at(second: number, event: ReprotectEvent): string[] {
    return this.machine.apply(event, second * 1000).map(words)
  }

  /** A look in each of these seconds; what came of it, with the second. */
  looks(from: number, to: number, vms: readonly KeptVm[], waitsFor = ''): string[] {
    const seconds = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    return seconds.flatMap((second) => this.at(second, { on: 'look', vms, waitsFor }).map((text) => `${second} ${text}`))
  }
}

const nameOf = (vm: VmUuid | null): string => (vm === WEB ? 'web' : 'db')
const words = (effect: ReprotectEffect): string =>
  effect.do === 'record'
    ? `${effect.entry.rule}: ${effect.entry.text}`
    : `reprotect ${nameOf(effect.vm)} silent ${effect.silentMs / 1000} s`

test('after a minute of silence, once', () => {
  expect(new Story().looks(0, 400, [kept(WEB)])).toEqual(['60 reprotect web silent 60 s'])
})

test('never, where it is switched off', () => {
  expect(new Story(0).looks(0, 400, [kept(WEB)])).toEqual([])
})

test('a host that is heard in time changes nothing, and its next silence counts from its beginning', () => {
  const story = new Story()
  expect(story.looks(0, 59, [kept(WEB)])).toEqual([])
  expect(story.looks(60, 60, [kept(WEB, { isSilent: false })])).toEqual([])
  expect(story.looks(61, 121, [kept(WEB)])).toEqual(['121 reprotect web silent 60 s'])
})

test('another secondary that is lost later has its own minute', () => {
  const story = new Story()
  story.looks(0, 40, [kept(WEB)])
  expect(story.looks(41, 101, [kept(WEB, { secondary: H3 })])).toEqual(['101 reprotect web silent 60 s'])
})

test.each<[string, Partial<KeptVm>, string]>([
  ['something of the VM is under way', { waitsFor: 'it is being restarted' }, ''],
  ['the pool has no coordinator', {}, 'the pool has no coordinator'],
])('while %s it waits, and silence goes on counting', (_, vm, pool) => {
  const story = new Story()
  expect(story.looks(0, 90, [kept(WEB, vm)], pool)).toEqual([])
  expect(story.looks(91, 91, [kept(WEB)])).toEqual(['91 reprotect web silent 91 s'])
})

test('what is left to people is told once for each reason, and never done', () => {
  const story = new Story()
  expect(story.looks(0, 300, [kept(WEB, { leftBecause: 'it is being serviced.' })])).toEqual([
    '60 left-to-the-operator: Its secondary is lost, and no other host takes its place: it is being serviced.',
  ])
  expect(story.looks(301, 301, [kept(WEB)])).toEqual(['301 reprotect web silent 301 s'])
})

test('one VM at a time: the next one when the first is whole', () => {
  const story = new Story()
  expect(story.looks(0, 70, [kept(WEB), kept(DB)])).toEqual(['60 reprotect web silent 60 s'])
  story.at(70, { on: 'begun', vm: WEB })
  const copying = kept(WEB, { secondary: H3, isSilent: false })
  expect(story.looks(71, 200, [copying, kept(DB)])).toEqual([])
  expect(story.looks(201, 201, [{ ...copying, isWhole: true }, kept(DB)])).toEqual(['201 reprotect db silent 201 s'])
})

test.each<[string, readonly KeptVm[], number]>([
  ['takes very long', [kept(WEB, { secondary: H3, isSilent: false }), kept(DB)], 360],
  ['was lost itself', [kept(WEB, { secondary: H3 }), kept(DB)], 61],
  ['is of a VM that is not here any more', [kept(DB)], 61],
])('a first copy that %s holds nobody up', (_, vms, second) => {
  const story = new Story()
  story.looks(0, 60, [kept(WEB), kept(DB)])
  story.at(60, { on: 'begun', vm: WEB })
  expect(story.looks(61, 400, vms)[0]).toBe(`${second} reprotect db silent ${second} s`)
})

test('after a refusal later and later, the reason told once; another VM need not wait', () => {
  const story = new Story()
  const asked: string[] = []
  for (let second = 0; second <= 3000; second++)
    for (const text of story.at(second, { on: 'look', vms: [kept(WEB)], waitsFor: '' })) {
      asked.push(`${second} ${text.split(' ')[0] ?? ''}`)
      asked.push(
        ...story.at(second, { on: 'refused', vm: WEB, why: 'no room', passes: false }).map((told) => `${second} ${told}`),
      )
    }
  expect(asked).toEqual([
    '60 reprotect',
    '60 refused: Its secondary is lost, and no other host takes its place: no room',
    ...[90, 150, 270, 510, 990, 1590, 2190, 2790].map((second) => `${second} reprotect`),
  ])
})

test('a refusal of one lets the next one be asked', () => {
  const story = new Story()
  story.looks(0, 60, [kept(WEB), kept(DB)])
  story.at(60, { on: 'refused', vm: WEB, why: 'no room', passes: false })
  expect(story.looks(61, 61, [kept(WEB), kept(DB)])).toEqual(['61 reprotect db silent 61 s'])
})

test('what passes is tried again soon, and not told', () => {
  const story = new Story()
  story.looks(0, 60, [kept(WEB)])
  expect(story.at(60, { on: 'refused', vm: WEB, why: 'a copy', passes: true })).toEqual([])
  expect(story.looks(61, 70, [kept(WEB)])).toEqual(['65 reprotect web silent 65 s'])
})

test('an answer about a VM that has gone meanwhile is none', () => {
  const story = new Story()
  story.looks(0, 60, [kept(WEB)])
  story.looks(61, 61, [])
  expect(story.at(62, { on: 'refused', vm: WEB, why: 'it is gone', passes: false })).toEqual([])
  expect(story.looks(63, 123, [kept(DB)])).toEqual(['123 reprotect db silent 60 s'])
})
