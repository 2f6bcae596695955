import type { Dice } from '../world/prng'
import { eventually } from './worker-host'
import type { TapdiskClient } from './tapdisk-client'

const BLOCK = 4096
const AT_ONCE = 16

/** Writes blocks, many at once, and reads them back; an error, or bytes that it did not write, end it. */
export class TapdiskWriter {
  /** What the disk has to hold when nothing is under way. */
  readonly image: Buffer
  answered = 0
  private stopping = false
  private over = false

  constructor(
    private readonly client: TapdiskClient,
    private readonly sizeBytes: number,
    private readonly dice: Dice,
  ) {
    this.image = Buffer.alloc(sizeBytes)
  }

  /** Until stop(); rejects with what went wrong. */
  begin(): Promise<void> {
    return this.rounds().finally(() => (this.over = true))
  }

  stop(): void {
    this.stopping = true
  }

  /** Resolves when so many more writes are answered, or when it is over. */
  async more(count: number): Promise<void> {
    const enough = this.answered + count
    await eventually(`${enough} writes are answered`, () => Promise.resolve(this.over || this.answered >= enough ? true : null))
  }

  private async rounds(): Promise<void> {
    while (!this.stopping) {
      const offsets = new Set(Array.from({ length: AT_ONCE }, () => BLOCK * this.dice.below(this.sizeBytes / BLOCK)))
      for (const offset of offsets) this.client.send(1, offset, BLOCK, this.draw(offset))
      for (let left = offsets.size; left > 0; left -= 1) {
        expect((await this.client.reply(0)).error).toBe(0)
        this.answered += 1
      }
      const asked = new Map([...offsets].map((offset) => [this.client.send(0, offset, BLOCK), offset]))
      for (let left = asked.size; left > 0; left -= 1) {
        const { handle, error, data } = await this.client.reply(BLOCK)
        const offset = asked.get(handle) ?? -1
        expect([error, data.equals(this.image.subarray(offset, offset + BLOCK))]).toEqual([0, true])
      }
    }
  }

  private draw(offset: number): Buffer<ArrayBuffer> {
    const data = Buffer.alloc(BLOCK, this.dice.bytes(64).toString('latin1'), 'latin1')
    data.copy(this.image, offset)
    return data
  }
}
