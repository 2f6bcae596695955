import type { Generations } from '../../../lib/core/domain/volume'
import { announced, inStep, isAnnounced, parted, recounted, remembered, unmirrored } from '../../../lib/core/mirror/lineage'

const G = (current: string, bitmap: string, ...history: string[]): Generations => ({ current, bitmap, history })
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
    // Its own generation among the older ones was for a target that was lost.
    expect(parted(announced(G('c', 'b', 'a')), names())).toEqual(G('n1', 'c', 'b', 'a'))
  })

  test('of one that is to note what a stranger lacks: nobody else counts from there', () => {
    expect(recounted(G('c', 'b', 'a'), names())).toEqual(G('n2', 'n1', 'c', 'b', 'a'))
  })

  test('of a resync source: announced before the target has it, in step afterwards', () => {
    const source = announced(G('c', 'b', 'a'))
    expect([isAnnounced(G('c', 'b', 'a')), isAnnounced(source)]).toEqual([false, true])
    expect(source).toEqual(G('c', 'b', 'c', 'a'))
    expect(inStep(source)).toEqual(G('c', '', 'b', 'a'))
    expect(announced(source)).toEqual(source)
  })

  test("of one that is nobody's mirror any more: all of them are older ones", () => {
    expect(unmirrored(G('c', 'b', 'a'))).toEqual(G('', '', 'c', 'b', 'a'))
    expect(unmirrored(G('', ''))).toEqual(G('', ''))
  })
})
