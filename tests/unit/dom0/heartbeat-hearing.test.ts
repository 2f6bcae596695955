import { HEARD_HOSTS_MAX, linkBit } from '../../../lib/core/domain/heartbeat'
import { hostUuid } from '../../../lib/core/domain/ids'
import { Hearing } from '../../../lib/dom0/heartbeat/heartbeat-hearing'

const host = (nth: number) => hostUuid(`aaaaaaaa-0000-4000-8000-${String(nth).padStart(12, '0')}`)

test('each host with its newest heartbeat, and the links on which it was heard lately', () => {
  const hearing = new Hearing()
  hearing.heard(host(1), 'management', 5, 1000)
  hearing.heard(host(1), 'alink0', 9, 1500)
  expect(hearing.tell(1600).hears).toEqual([{ host: host(1), counter: 9, ageMs: 100, links: 3 }])
  expect(hearing.tell(1601).hears).toEqual([{ host: host(1), counter: 9, ageMs: 101, links: 2 }])
})

test('every host of a large pool in its turn', () => {
  const hearing = new Hearing()
  const hosts = Array.from({ length: 70 }, (_, nth) => host(nth))
  for (const each of hosts) hearing.heard(each, 'alink0', 1, 0)
  const named = [1, 2, 3].map((nth) => hearing.tell(nth * 100).hears.map((heard) => heard.host))
  expect(named.map(({ length }) => length)).toEqual([HEARD_HOSTS_MAX, HEARD_HOSTS_MAX, HEARD_HOSTS_MAX])
  expect(new Set(named.flat()).size).toBe(70)
})

test('the worst lag of the last fifty heartbeats', () => {
  const hearing = new Hearing(100)
  let nowMs = 0
  const after = (ms: number): number => hearing.tell((nowMs += ms)).worstLagMs
  expect([after(100), after(100), after(350), after(90)]).toEqual([0, 0, 250, 250])
  for (let nth = 0; nth < 48; nth += 1) expect(after(100)).toBe(250)
  expect(after(100)).toBe(0)
})

test('the bits of links, and none for what is no link of a pool', () => {
  const names = ['management', ...Array.from({ length: 30 }, (_, nth) => `alink${nth}`)]
  expect(names.map(linkBit)).toEqual(names.map((_, nth) => 2 ** nth))
  expect(['alink30', 'alink', 'alink01', 'x', ''].map(linkBit)).toEqual([0, 0, 0, 0, 0])
})
