import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { loadNativeTls, type NativeTls } from '../../lib/dom0/socket/native-tls'
import { SEED, seeded } from '../wire/seeded'
import { ADDONS, built, NO_NATIVE } from './native-addon'
import { greet, Party } from './tls-party'

const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon(`TLS between memory and memory ${NO_NATIVE}`, () => {
  let native: NativeTls
  let client: Party
  let server: Party
  beforeAll(() => void (native = built(loadNativeTls)))
  const afresh = (): void => {
    client = new Party(native, false)
    server = new Party(native, true)
  }
  beforeEach(afresh)

  const data = randomBytes(100_000)
  const expectConversation = (): void => {
    expect([client.isOpen, server.isOpen]).toEqual([true, true])
    server.hear(client.sealed(data))
    client.hear(server.sealed(data.subarray(7)))
    expect(server.heard.equals(data) && client.heard.equals(data.subarray(7))).toBe(true)
  }

  test('both ways, once both have proven the key', () => {
    expect(client.sealed(data)).toHaveLength(0)
    greet(client, server)
    expectConversation()
    const wire = client.sealed(data)
    expect(wire.includes(data.subarray(0, 16))).toBe(false)
  })

  test('byte by byte', () => {
    const one = (bytes: Buffer, to: Party): void => {
      for (let at = 0; at < bytes.length; at++) to.hear(bytes.subarray(at, at + 1))
    }
    greet(client, server, one)
    one(client.sealed(data.subarray(0, 20_000)), server)
    expect(server.heard.equals(data.subarray(0, 20_000))).toBe(true)
    expect(client.isOpen).toBe(true)
  })

  test('split at every place', () => {
    for (let at = 1, longest = 2; at < longest; at++) {
      afresh()
      greet(client, server, (bytes, to) => {
        longest = Math.max(longest, bytes.length)
        to.hear(bytes.subarray(0, at))
        to.hear(bytes.subarray(at))
      })
      expect([client.isOpen, server.isOpen]).toEqual([true, true])
    }
    for (let at = 1; at < 600; at++) {
      const wire = client.sealed(data.subarray(0, 512))
      server.hear(wire.subarray(0, at))
      server.hear(wire.subarray(at))
    }
    expect(server.heard.length).toBe(599 * 512)
  })

  test('a byte changed on its way: nothing else is heard than what was said', () => {
    let [turns, failures, tries] = [3, 0, 0]
    for (let turn = 0; turn < turns; turn++) {
      for (let at = 0, length = 1; at < length; at++, tries++) {
        afresh()
        greet(client, server, (bytes, to, now) => {
          if (now === turn) {
            length = bytes.length
            bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
          }
          turns = Math.max(turns, now)
          to.hear(bytes)
        })
        if (!client.isOpen || !server.isOpen) failures++
        server.hear(client.sealed(data))
        expect(server.heard.equals(server.isOpen ? data : Buffer.alloc(0))).toBe(true)
      }
    }
    // Of a record's header the version is of no meaning.
    expect(failures).toBeGreaterThan(tries - 20)
  })

  test('a record changed, cut short, said twice or left out: its data is not heard', () => {
    const tamper: readonly ((wire: Buffer, at: number) => Buffer)[] = [
      (wire, at) => {
        wire[at] = (wire[at] ?? 0) ^ 1
        return wire
      },
      (wire, at) => wire.subarray(0, at),
      (wire) => Buffer.concat([wire, wire]),
      (wire) => wire.subarray(wire.length),
    ]
    const said = data.subarray(0, 100)
    for (const [kind, tampered] of tamper.entries()) {
      for (let at = 0; at < 122; at++) {
        afresh()
        greet(client, server)
        server.hear(tampered(client.sealed(said), at))
        server.hear(client.sealed(data.subarray(50, 60)))
        const expected = kind === 2 ? said : Buffer.alloc(0)
        // Its header's version is not looked at, or is: either is right.
        const harmless = kind === 0 && server.heard.equals(Buffer.concat([said, data.subarray(50, 60)])) && (at === 1 || at === 2)
        const heard = (harmless ? expected : server.heard).toString('hex')
        expect({ kind, at, heard }).toEqual({ kind, at, heard: expected.toString('hex') })
      }
    }
  })

  test.each([
    ['another key', { key: Buffer.alloc(32, 1) }],
    ['another identity', { identity: 'another pool' }],
    ['a longer identity', { identity: 'a pool '.repeat(18) }],
  ])('%s: nobody is let in, and both know why', (_name, other) => {
    for (const otherIsServer of [true, false]) {
      afresh()
      if (otherIsServer) server = new Party(native, true, other)
      else client = new Party(native, false, other)
      greet(client, server)
      expect([client.isFailed, server.isFailed]).toEqual([true, true])
      expect(client.why).toMatch(/\w/)
      expect(server.why).toMatch(/\w/)
      expect(client.sealed(data)).toHaveLength(0)
    }
  })

  test('new keys whenever one side wants them', () => {
    greet(client, server)
    const wires = new Set<number>()
    for (let round = 0; round < 50; round++) {
      if (round % 3 === 0) client.renew()
      if (round % 5 === 0) server.renew()
      const wire = client.sealed(data.subarray(0, 1000))
      wires.add(wire.length)
      server.hear(wire)
      // Asked for a new key, it announces that with the next thing it does, be it to hear.
      client.hear(server.words())
      client.hear(server.sealed(data.subarray(0, 1000)))
    }
    expect(server.heard.length).toBe(50_000)
    expect(client.heard.length).toBe(50_000)
    // With a new key, its announcement comes first.
    expect(wires.size).toBe(2)
  })

  test('whoever ends is heard to end, and is told nothing more', () => {
    greet(client, server)
    client.end()
    server.hear(client.words())
    expect([server.isOpen, server.isFailed, server.why]).toEqual([false, false, ''])
    expect(client.sealed(data)).toHaveLength(0)
  })

  test('data that does not fit is not sealed', () => {
    greet(client, server)
    expect(native.seal(client.session, data, Buffer.alloc(data.length), 0)).toBe(-1)
    expect(native.seal(client.session, Buffer.alloc(1), Buffer.alloc(100), 0)).toBe(-1)
  })

  test(`garbage, seed ${SEED}`, () => {
    const draw = seeded(SEED)
    const below = (limit: number): number => Math.floor(draw() * limit)
    for (let round = 0; round < 2000; round++) {
      afresh()
      const victim = round % 2 === 0 ? server : client
      if (round % 4 > 1) greet(client, server)
      const bytes = Buffer.from(Array.from({ length: below(600) }, () => below(256)))
      // As a record of some kind more often than not.
      if (below(4) > 0 && bytes.length > 5) Buffer.from([20 + below(5), 3, 1 + below(3), 0, below(256)]).copy(bytes)
      victim.hear(bytes)
      expect(victim.heard).toHaveLength(0)
      expect(victim.words().length).toBeLessThan(2000)
    }
  })

  test.each([
    'native.begin(true, "a", Buffer.alloc(31))',
    'native.begin(true, "", Buffer.alloc(32))',
    'native.begin(true, "a".repeat(129), Buffer.alloc(32))',
    'native.begin("true", "a", Buffer.alloc(32))',
    'native.open(session, Buffer.alloc(1), Buffer.alloc(1), new Int32Array(3))',
    'native.open(session, "text", Buffer.alloc(1), new Int32Array(4))',
    'native.open({}, Buffer.alloc(1), Buffer.alloc(1), new Int32Array(4))',
    'native.seal(session, Buffer.alloc(1), Buffer.alloc(100), 101)',
    'native.seal(session, Buffer.alloc(1), Buffer.alloc(100), -1)',
    'native.tell(session, 3)',
    'native.renew()',
    'native.end(null)',
    'native.why(0)',
  ])('what does not fit is thrown back: %s', (call) => {
    const { status, stdout } = script(`try { ${call} } catch (error) { console.log(error.message) }`)
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${/native\.(\w+)/.exec(call)?.[1] ?? ''}\\(`))
  })

  test('conversations that nobody names any more take no memory', () => {
    const { status, stdout } = script(`
      const make = async () => {
        for (let at = 0; at < 1000; at++) native.begin(at % 2 === 0, 'a', Buffer.alloc(32))
        for (let turn = 0; turn < 3; turn++) {
          await new Promise(setImmediate)
          gc()
        }
      }
      const main = async () => {
        await make()
        const before = process.memoryUsage().rss
        for (let round = 0; round < 10; round++) await make()
        console.log(process.memoryUsage().rss - before)
      }
      void main()`)
    expect(status).toBe(0)
    expect(Number(stdout)).toBeLessThan(30e6)
  })

  const script = (text: string) => {
    const whole = `
      const holder = { exports: {} }
      process.dlopen(holder, ${JSON.stringify(join(ADDONS, 'holdfast-tls.node'))})
      const native = holder.exports
      const session = native.begin(true, 'a', Buffer.alloc(32))
      ${text}`
    return spawnSync(process.execPath, ['--expose-gc', '-e', whole], { encoding: 'utf8', timeout: 60_000 })
  }
})
