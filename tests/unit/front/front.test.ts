import {
  ABORT,
  answer,
  ask,
  ASKS_BY_GO,
  ASKS_BY_NAME,
  FLAGS,
  FrontRig,
  GO,
  hex,
  INFO,
  LIST,
  opensByGo,
  opensByName,
  STRUCTURED,
  TAPDISK,
} from './rig'

const READ = 0
const WRITE = 1
const GOODBYE = 2
const FLUSH = 3
const EIO = 5
const ESHUTDOWN = 108
const MIB = 1024 * 1024

describe('the negotiation', () => {
  test('is a greeting at once, and nothing more before a worker has told the size', () => {
    const rig = new FrontRig()
    expect(rig.front.greeting().toString('hex')).toBe('4e42444d4147494349484156454f50540003')
    rig.client(FLAGS, LIST, TAPDISK)
    expect(rig.heard()).toBe('')
    expect(rig.front.awaitsChoice).toBe(false)
    rig.connect(opensByGo(0x10000))
    expect(rig.asked()).toBe(ASKS_BY_GO.toString('hex'))
    expect(rig.heard()).toContain(hex('0000000000010000 016d').toString('hex'))
  })

  test('tapdisk: ten bytes, and the worker is asked once more, in the dialect of the client', () => {
    const rig = new FrontRig()
    rig.client(FLAGS, TAPDISK, ask(WRITE, 1, 0, 2, 'ab'))
    rig.connect(opensByGo(0x10000))
    expect(rig.heard()).toBe('0000000000010000016d')
    expect(rig.story).toEqual(['dropped: no fault'])
    rig.asked()
    rig.connect(opensByName(0x10000))
    expect(rig.asked()).toBe(ASKS_BY_NAME.toString('hex') + ask(WRITE, 0, 0, 2, 'ab').toString('hex'))
    expect(rig.story).toEqual(['dropped: no fault', 'serving, 1 resent'])
    rig.worker(answer(0))
    expect(rig.heard()).toBe(answer(1).toString('hex'))
  })

  test('tapdisk whose worker died meanwhile is served by the next one, in its dialect', () => {
    const rig = new FrontRig()
    rig.connect(opensByGo(0x10000))
    rig.front.workerLost()
    rig.client(FLAGS, TAPDISK)
    expect(rig.heard()).toBe('0000000000010000016d')
    rig.asked()
    rig.connect(opensByName(0x10000))
    expect(rig.asked()).toBe(ASKS_BY_NAME.toString('hex'))
    expect(rig.story).toEqual(['serving, 0 resent'])
  })

  test('INFO, then GO, on one connection to the worker', () => {
    const rig = new FrontRig()
    rig.connect(opensByGo(512))
    rig.client(FLAGS, INFO)
    expect(rig.heard()).not.toBe('')
    expect(rig.front.awaitsChoice).toBe(true)
    expect(rig.story).toEqual([])
    rig.client(GO)
    expect(rig.story).toEqual(['serving, 0 resent'])
    expect(rig.front.awaitsChoice).toBe(false)
  })

  test('structured replies are not to be had', () => {
    const rig = new FrontRig()
    rig.connect(opensByGo(512))
    rig.client(FLAGS, STRUCTURED)
    expect(rig.heard()).toBe(hex('0003e889045565a9 00000008 80000001 00000000').toString('hex'))
  })

  test('a client that aborts, or talks nonsense, is ended', () => {
    const rig = new FrontRig()
    rig.connect(opensByGo(512))
    rig.client(FLAGS, ABORT, GO)
    expect(rig.story).toEqual(['left: aborted by the client'])
    const other = new FrontRig()
    other.connect(opensByGo(512))
    other.client(Buffer.from('GET / HTTP/1.1\r\n\r\n'), GO)
    expect(other.story).toEqual([expect.stringMatching(/^ended: client flags/)])
  })

  test('a client that talks on while there is no worker is not listened to for ever', () => {
    const rig = new FrontRig()
    rig.client(FLAGS)
    expect(rig.front.isSated).toBe(false)
    rig.client(Buffer.alloc(64 * 1024))
    expect(rig.front.isSated).toBe(true)
  })
})

describe('a worker that cannot serve this client is left, and the client hears nothing', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['another size', opensByGo(8192), /its disk has 8192 bytes, the client's 4096/],
    ['read-only', opensByGo(4096, 0x016f), /its disk is read-only/],
    ['without flush', opensByGo(4096, 0x0169), /it lacks flush/],
    ['not NBD', Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), /it does not speak NBD/],
    [
      'of no such export',
      Buffer.concat([opensByGo(1).subarray(0, 18), hex('0003e889045565a9 00000007 80000006 00000000')]),
      /no export/,
    ],
    ['that speaks first', Buffer.concat([opensByGo(4096), answer(0)]), /it speaks out of turn/],
  ]
  test.each(cases)('%s', (_what, said, fault) => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 7, 0, 4))
    rig.front.workerLost()
    rig.client(ask(FLUSH, 8, 0, 0))
    rig.asked()
    rig.connect(said)
    expect(rig.story.at(-1)).toMatch(fault)
    expect(rig.heard()).toBe('')
    rig.asked()
    rig.connect(opensByGo(4096), answer(1), answer(0, 0, 'data'))
    expect(rig.heard()).toBe(answer(8).toString('hex') + answer(7, 0, 'data').toString('hex'))
  })

  test('also before anybody has chosen', () => {
    const rig = new FrontRig()
    rig.client(FLAGS, INFO)
    rig.connect(opensByGo(512, 0x0169))
    expect(rig.story).toEqual(['dropped: it lacks flush, FUA or zeroes'])
    rig.connect(opensByGo(512), answer(0))
    expect(rig.story.at(-1)).toBe('dropped: it speaks out of turn')
    // Late bytes of a worker that was left mean nothing.
    rig.worker(opensByGo(512))
    expect(rig.front.unanswered).toBe(0)
  })
})

describe('requests', () => {
  test('a worker dies in the middle of a reply: the client gets none of it, and all of the next one', () => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 0xa, 0, 4), ask(WRITE, 0xb, 8, 3, 'xyz'))
    expect(rig.asked()).toBe(ask(READ, 0, 0, 4).toString('hex') + ask(WRITE, 1, 8, 3, 'xyz').toString('hex'))
    rig.worker(answer(0, 0, 'new').subarray(0, 18))
    rig.front.workerLost()
    expect(rig.heard()).toBe('')
    rig.connect(opensByGo(4096))
    expect(rig.asked()).toBe(Buffer.concat([ASKS_BY_GO, ask(READ, 0, 0, 4), ask(WRITE, 1, 8, 3, 'xyz')]).toString('hex'))
    rig.worker(answer(1), answer(0, 0, 'data'))
    expect(rig.heard()).toBe(answer(0xb).toString('hex') + answer(0xa, 0, 'data').toString('hex'))
    expect(rig.story).toEqual(['serving, 2 resent'])
  })

  test("the worker's errors are the disk's, but that it ends is nobody's business", () => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 1, 0, 4), ask(READ, 2, 0, 4), ask(FLUSH, 3, 0, 0))
    rig.worker(answer(0, EIO), answer(1, ESHUTDOWN))
    expect(rig.heard()).toBe(answer(1, EIO).toString('hex'))
    rig.asked()
    rig.client(ask(FLUSH, 4, 0, 0))
    // It still does the flush: another worker must not be asked for anything meanwhile.
    expect([rig.asked(), ...rig.story]).toEqual([''])
    rig.worker(answer(2))
    expect(rig.story).toEqual(['dropped: the worker is ending'])
    expect(rig.heard()).toBe(answer(3).toString('hex'))
    rig.connect(opensByGo(4096))
    expect(rig.asked()).toBe(Buffer.concat([ASKS_BY_GO, ask(READ, 1, 0, 4), ask(FLUSH, 3, 0, 0)]).toString('hex'))
  })

  test('a worker that answers twice is left', () => {
    const rig = FrontRig.serving()
    rig.client(ask(FLUSH, 1, 0, 0), ask(FLUSH, 2, 0, 0))
    rig.worker(answer(0, ESHUTDOWN), answer(0))
    expect(rig.story).toEqual(['dropped: a reply to nothing that was asked'])
    expect(rig.heard()).toBe('')
  })

  test('two of the same name are answered each', () => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 9, 0, 4), ask(FLUSH, 9, 0, 0))
    rig.worker(answer(1), answer(0, 0, 'data'))
    expect(rig.heard()).toBe(answer(9).toString('hex') + answer(9, 0, 'data').toString('hex'))
  })

  test('what no server takes is refused here, and its payload skipped', () => {
    const rig = FrontRig.serving()
    const long = 32 * MIB + 1
    rig.client(ask(READ, 1, 0, long), ask(WRITE, 2, 0, long))
    for (let sent = 0; sent < long - 1; sent += MIB) rig.client(Buffer.alloc(MIB))
    expect(rig.heard()).toBe(answer(1, 22).toString('hex'))
    rig.client(Buffer.alloc(1))
    expect(rig.heard()).toBe(answer(2, 22).toString('hex'))
    expect(rig.room.mostRequests).toBe(0)
    rig.client(ask(FLUSH, 3, 0, 0))
    expect(rig.asked()).toBe(ask(FLUSH, 0, 0, 0).toString('hex'))
  })

  test('goodbye waits for the answers, also those of a worker that is still to come', () => {
    const rig = FrontRig.serving()
    rig.client(ask(FLUSH, 1, 0, 0), ask(GOODBYE, 0, 0, 0), ask(FLUSH, 2, 0, 0))
    rig.front.workerLost()
    rig.asked()
    rig.connect(opensByGo(4096), answer(0))
    expect(rig.asked()).toBe(Buffer.concat([ASKS_BY_GO, ask(FLUSH, 0, 0, 0), ask(GOODBYE, 0, 0, 0)]).toString('hex'))
    expect(rig.heard()).toBe(answer(1).toString('hex'))
    expect(rig.story).toEqual(['serving, 1 resent', 'left: the client said goodbye'])
  })

  test('garbage ends the client, and what it held is free', () => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 1, 0, 4), ask(WRITE, 2, 0, 4, 'ab'))
    expect([rig.room.requests, rig.room.bytes]).toEqual([2, 8])
    rig.client(Buffer.concat([Buffer.from('cd'), Buffer.alloc(28)]))
    expect(rig.story).toEqual(['ended: a request without its magic number'])
    expect([rig.room.requests, rig.room.bytes]).toEqual([0, 0])
  })

  test('a client that is gone in the middle of a write leaves nothing behind', () => {
    const rig = FrontRig.serving()
    rig.client(ask(READ, 1, 0, 4), ask(WRITE, 2, 0, 4, 'ab'))
    rig.front.end()
    rig.front.end()
    expect(rig.story).toEqual(['ended: the client is gone'])
    expect([rig.room.requests, rig.room.bytes]).toEqual([0, 0])
  })

  test('room is taken when a payload begins, and a write that began may come in', () => {
    const rig = FrontRig.serving(4096, 10, 100)
    rig.client(ask(WRITE, 1, 0, 60, 'x'.repeat(60)), ask(WRITE, 2, 0, 60, 'y'))
    expect([rig.room.bytes, rig.front.wantsRoom]).toEqual([120, false])
    rig.client(Buffer.from('y'.repeat(59)), ask(FLUSH, 3, 0, 0))
    expect([rig.room.requests, rig.front.wantsRoom]).toEqual([2, true])
    rig.worker(answer(0))
    rig.front.pump()
    expect([rig.room.requests, rig.room.bytes]).toEqual([2, 60])
  })
})
