import type { Memory } from '../../lib/wire/nbd/slab'

/** Gives again what came back, as soon as it can; whoever still reads it finds something else there. */
export class PoisonedMemory implements Memory {
  readonly idle: Buffer[] = []
  lent = 0

  lend(bytes: number): Buffer {
    this.lent++
    const index = this.idle.findIndex(({ length }) => length >= bytes)
    const [again] = index < 0 ? [] : this.idle.splice(index, 1)
    return again ?? Buffer.alloc(bytes, 0xa5)
  }

  takeBack(buffer: Buffer): void {
    if (this.idle.includes(buffer)) throw new Error('taken back twice')
    this.lent--
    this.idle.push(buffer.fill(0xdd))
  }
}
