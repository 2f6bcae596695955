import { pieces, SEED, seeded, streams } from '../../wire/seeded'
import { answer, ask, FLAGS, FrontRig, GO, INFO, opensByGo } from './rig'

const READ = 0
const WRITE = 1
const GOODBYE = 2
const FLUSH = 3

describe(`every split of both streams (HOLDFAST_TEST_SEED=${SEED})`, () => {
  const fromClient = Buffer.concat([
    ...[FLAGS, INFO, GO, ask(READ, 1, 0, 5), ask(WRITE, 2, 9, 5, 'hello'), ask(FLUSH, 3, 0, 0), ask(4, 4, 0, 512)],
    ask(GOODBYE, 0, 0, 0),
  ])
  const replies = Buffer.concat([answer(2), answer(0, 0, 'world'), answer(1, 28), answer(3)])

  const opening = opensByGo(4096)

  const play = (client: readonly Buffer[], worker: readonly Buffer[], then: readonly Buffer[]): unknown => {
    const rig = new FrontRig()
    rig.client(...client)
    rig.connect(...worker)
    rig.worker(...then)
    return [rig.heard(), rig.asked(), rig.story, rig.room.requests, rig.room.bytes]
  }
  const whole = play([fromClient], [opening], [replies])

  test('the story holds what it should', () => {
    expect(whole).toEqual([
      expect.stringContaining(Buffer.concat([answer(3), answer(1, 0, 'world'), answer(2, 28), answer(4)]).toString('hex')),
      expect.stringContaining(ask(WRITE, 1, 9, 5, 'hello').toString('hex')),
      ['serving, 0 resent', 'left: the client said goodbye'],
      ...[0, 0],
    ])
  })

  test('in two, byte by byte, and in random pieces', () => {
    for (let at = 0; at <= fromClient.length; at++) {
      expect(play([fromClient.subarray(0, at), fromClient.subarray(at)], [opening], [replies])).toEqual(whole)
    }
    for (let at = 0; at <= opening.length; at++) {
      expect(play([fromClient], [opening.subarray(0, at), opening.subarray(at)], [replies])).toEqual(whole)
    }
    for (let at = 0; at <= replies.length; at++) {
      expect(play([fromClient], [opening], [replies.subarray(0, at), replies.subarray(at)])).toEqual(whole)
    }
    const bytes = (all: Buffer): Buffer[] => [...all].map((byte) => Buffer.from([byte]))
    expect(play(bytes(fromClient), bytes(opening), bytes(replies))).toEqual(whole)
    const random = seeded(SEED)
    const parts = (all: Buffer): Buffer[] => pieces(all, random, 40)
    for (let round = 0; round < 300; round++) {
      expect(play(parts(fromClient), parts(opening), parts(replies))).toEqual(whole)
    }
  })

  test('damage ends the client or drops the worker, or leaves them waiting; it throws nothing', () => {
    const damaged = (bytes: Buffer, random: () => number): Buffer => {
      const copy = Buffer.from(bytes)
      for (let turns = 1 + Math.floor(random() * 3); turns > 0; turns--) {
        copy.writeUInt8(Math.floor(random() * 256), Math.floor(random() * copy.length))
      }
      return copy
    }
    let ended = 0
    let dropped = 0
    for (const random of streams()) {
      for (let round = 0; round < 1000; round++) {
        const rig = new FrontRig()
        rig.client(...pieces(round % 2 === 0 ? damaged(fromClient, random) : fromClient, random, 60))
        rig.connect(...pieces(round % 4 === 1 ? damaged(opening, random) : opening, random, 60))
        rig.worker(...pieces(round % 4 === 3 ? damaged(replies, random) : replies, random, 60))
        if (rig.story.some((each) => each.startsWith('ended'))) ended++
        if (rig.story.some((each) => each.startsWith('dropped'))) dropped++
        rig.front.end()
        expect([rig.room.requests, rig.room.bytes]).toEqual([0, 0])
      }
    }
    expect([ended > 100, dropped > 100]).toEqual([true, true])
  })
})
