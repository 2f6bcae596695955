import type { Generations } from '../../../lib/core/domain/volume'
import {
  announced,
  inStep,
  isAnnounced,
  parted,
  recounted,
  remembered,
  targeted,
  unmirrored,
} from '../../../lib/core/mirror/lineage'

/** `bitmap`: with the former one behind a slash. */
const G = (current: string, counted: string, ...history: string[]): Generations => {
  const [bitmap = '', former = ''] = counted.split('/')
  return { current, bitmap, former, history }
}
const names = (): (() => string) => {
  let last = 0
  return () => `n${++last}`
}

describe('generations', () => {
  test('are remembered newest first, once each, and no more than eight', () => {
    expect(remembered(['c', '', 'b', 'c', 'a'])).toEqual(['c', 'b', 'a'])
    expect(remembered('jihgfedcba'.split(''))).toEqual('jihgfedc'.split(''))
  })

  test('of one that goes on alone: its notes count from what both have', () => {
    expect(parted(G('c', '', 'b', 'a'), names())).toEqual(G('n1', 'c', 'b', 'a'))
    expect(parted(G('c', 'b', 'a'), names())).toEqual(G('n1', 'c', 'b', 'a'))
    expect(parted(G('', ''), names())).toEqual(G('n2', 'n1'))
    // Its own generation among the older ones was for a target that was lost, with it or with the one before.
    expect(parted(announced(G('c', 'b', 'a')), names())).toEqual(G('n1', 'c/b', 'b', 'a'))
  })

  test('of one that is to note what a stranger lacks: nobody else counts from there', () => {
    expect(recounted(G('c', 'b', 'a'), names())).toEqual(G('n2', 'n1', 'c', 'b', 'a'))
    expect(recounted(announced(G('c', 'b', 'a')), names())).toEqual(G('n2', 'n1', 'c', 'b', 'a'))
    expect(recounted(G('d', 'c/b', 'b', 'a'), names())).toEqual(G('n2', 'n1', 'd', 'c', 'b', 'a'))
  })

  test('of a resync source: announced before the target has it, in step afterwards', () => {
    const source = announced(G('c', 'b', 'a'))
    expect([isAnnounced(G('c', 'b', 'a')), isAnnounced(source)]).toEqual([false, true])
    expect(source).toEqual(G('c', 'b', 'c', 'a'))
    expect(inStep(source)).toEqual(G('c', '', 'b', 'a'))
    expect(announced(source)).toEqual(source)
    // The target of this one has the newer of both.
    expect(announced(G('d', 'c/b', 'b'))).toEqual(G('d', 'c', 'd', 'b'))
    expect(inStep(G('d', 'c/b', 'b'))).toEqual(G('d', '', 'c', 'b'))
  })

  test('of a resync target: a mixture of its older ones and what the source counts from', () => {
    expect(targeted(G('c', 'b/a', 'a'), 'n1')).toEqual(G('n1', '', 'a'))
  })

  test("of one that is nobody's mirror any more: all of them are older ones", () => {
    expect(unmirrored(G('c', 'b', 'a'))).toEqual(G('', '', 'c', 'b', 'a'))
    expect(unmirrored(G('', ''))).toEqual(G('', ''))
    expect(unmirrored(G('d', 'c/b', 'b'))).toEqual(G('', '', 'd', 'c', 'b'))
  })
})
