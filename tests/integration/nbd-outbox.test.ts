import { Writable } from 'node:stream'
import { Outbox } from '../../lib/dom0/nbd/nbd-outbox'
import { PoisonedMemory } from '../wire/poisoned-memory'
import { SEED, seeded } from '../wire/seeded'

/** Looks at what it was given only when it takes it, which is when it is told to. */
class SlowReader extends Writable {
  readonly heard: Buffer[] = []
  private take: (() => void) | null = null

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.later([chunk], done)
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.later(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  private later(chunks: readonly Buffer[], done: () => void): void {
    this.take = () => {
      this.take = null
      for (const chunk of chunks) this.heard.push(Buffer.from(chunk))
      done()
    }
  }

  /** False when nothing waits. */
  takeSome(): boolean {
    const { take } = this
    take?.()
    return take !== null
  }
}

describe(`an outbox (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('everything arrives as it was when it was said, however late it is taken, and each answer is given back once', async () => {
    const random = seeded(SEED)
    const upTo = (most: number): number => Math.floor(random() * (most + 1))
    for (let round = 0; round < 40; round++) {
      const memory = new PoisonedMemory()
      const reader = new SlowReader({ highWaterMark: 1 << 30 })
      const back = { requests: 0, bytes: 0 }
      const out = new Outbox(reader, memory, (requests, bytes) => {
        back.requests += requests
        back.bytes += bytes
      })
      const said: Buffer[] = []
      const sum = { requests: 0, bytes: 0 }
      const header = (): void => {
        const text = Buffer.alloc(1 + upTo(60), upTo(255))
        said.push(text)
        out.header((into, at) => text.copy(into, at))
      }
      for (let step = 0; step < 400; step++) {
        header()
        const length = upTo(random() < 0.1 ? 40_000 : 9000)
        const lent = random() < 0.5 ? memory.lend(length) : null
        if (random() < 0.7) {
          const data = (lent ?? Buffer.alloc(length)).subarray(0, length).fill(upTo(255))
          said.push(Buffer.from(data))
          out.data(data)
        }
        out.ends(length, lent)
        sum.requests++
        sum.bytes += length
        if (random() < 0.3) out.flush()
        if (random() < 0.3) reader.takeSome()
        if (random() < 0.2) await new Promise((resolve) => setImmediate(resolve))
      }
      out.flush()
      do await new Promise((resolve) => setImmediate(resolve))
      while (reader.takeSome())
      expect(Buffer.concat(reader.heard).equals(Buffer.concat(said))).toBe(true)
      expect(back).toEqual(sum)
      // The one that it keeps to write into.
      expect(memory.lent).toBe(1)
    }
  })

  test('what becomes ready in one turn leaves in one piece', async () => {
    const reader = new SlowReader()
    const out = new Outbox(reader, new PoisonedMemory(), () => undefined)
    for (let index = 0; index < 10; index++) {
      out.header((into, at) => Buffer.from('answer').copy(into, at))
      out.flushSoon()
    }
    expect(reader.takeSome()).toBe(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(reader.takeSome()).toBe(true)
    expect(reader.heard.map(String)).toEqual(['answer'.repeat(10)])
  })

  test('at the end everything is given back, taken or not', () => {
    const back: [number, number][] = []
    const out = new Outbox(new SlowReader(), new PoisonedMemory(), (requests, bytes) => back.push([requests, bytes]))
    for (const bytes of [1, 20, 300]) {
      out.header((into, at) => into.write('x', at))
      out.ends(bytes)
      if (bytes < 300) out.flush()
    }
    out.flushSoon()
    out.close()
    expect(back.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(321)
    expect(back.reduce((sum, [requests]) => sum + requests, 0)).toBe(3)
  })
})
