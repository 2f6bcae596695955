import type { Dice } from '../../world/prng'
import { CELL_BYTES, EIO, Pipe, requestBytes, valuesOf, type Asked, type Kind } from './model-bytes'

interface Told {
  readonly asked: Asked
  readonly sentAt: number
  answeredAt: number
  error: number
  values: readonly number[]
}

const NEVER = Infinity
const covers = ({ at, cells }: Asked, cell: number): boolean => at <= cell && cell < at + cells
const isChange = ({ asked }: Told): boolean => asked.kind === 'write' || asked.kind === 'zero' || asked.kind === 'trim'

/** A client that sends many requests at once, keeps a record of what it asked and was told, and knows what a disk may answer. */
export class ModelClient {
  readonly sending = new Pipe()
  private readonly receiving = new Pipe()
  private readonly story: Told[] = []
  private readonly open = new Map<bigint, Told>()
  private now = 0

  constructor(
    private readonly cells: number,
    private readonly dice: Dice,
  ) {}

  get unanswered(): number {
    return this.open.size
  }
  get asked(): number {
    return this.story.length
  }

  ask(): void {
    const kind = this.dice.of<Kind>(['read', 'read', 'write', 'write', 'write', 'flush', 'zero', 'trim'])
    const at = kind === 'flush' ? 0 : this.dice.below(this.cells)
    const cells = kind === 'flush' ? 0 : 1 + this.dice.below(Math.min(8, this.cells - at))
    let cookie = this.dice.bytes(8).readBigUInt64BE()
    while (this.open.has(cookie)) cookie += 1n
    const value = kind === 'write' ? this.story.length + 1 : 0
    const asked = { kind, at, cells, cookie, value }
    const told: Told = { asked, sentAt: ++this.now, answeredAt: NEVER, error: 0, values: [] }
    this.story.push(told)
    this.open.set(cookie, told)
    this.sending.push(requestBytes(asked))
  }

  receive(bytes: Buffer): void {
    this.receiving.push(bytes)
    for (;;) {
      const header = this.receiving.peek(16)
      if (header === null) return
      if (header.readUInt32BE(0) !== 0x67446698) throw new Error('something else than a reply')
      const told = this.open.get(header.readBigUInt64BE(8))
      if (told === undefined) throw new Error('a reply to nothing that is open')
      const error = header.readUInt32BE(4)
      const dataBytes = told.asked.kind === 'read' && error === 0 ? told.asked.cells * CELL_BYTES : 0
      if (this.receiving.length < 16 + dataBytes) return
      this.receiving.take(16)
      this.open.delete(told.asked.cookie)
      Object.assign(told, { answeredAt: ++this.now, error, values: valuesOf(this.receiving.take(dataBytes)) })
    }
  }

  /** What is wrong with what was told, and with what the disk holds now that everything is answered. */
  complaints(disk: readonly number[]): string[] {
    const invented = this.story.filter(({ error }) => error !== 0 && error !== EIO).map(({ error }) => `error ${error}`)
    const reads = this.story
      .filter(({ asked, error }) => asked.kind === 'read' && error === 0)
      .flatMap((read) =>
        read.values.flatMap((value, index) => this.misread(read.asked.at + index, value, read.sentAt, read.answeredAt)),
      )
    return [...invented, ...reads, ...disk.flatMap((value, cell) => this.misread(cell, value, this.now + 1, NEVER))]
  }

  /**
   * A cell may hold what a change wrote that was sent before the read was answered, unless a later one was answered before the
   * read was sent. A change that failed may have been done, but supersedes nothing.
   */
  private misread(cell: number, value: number, sentAt: number, answeredAt: number): string[] {
    const changes = this.story.filter((each) => isChange(each) && covers(each.asked, cell) && each.sentAt < answeredAt)
    const last = changes.findLastIndex(({ error, answeredAt: doneAt }) => error === 0 && doneAt < sentAt)
    const allowed = changes.slice(Math.max(last, 0)).map(({ asked }) => asked.value)
    if (last === -1) allowed.push(0)
    return allowed.includes(value) ? [] : [`cell ${cell}: ${value}, not one of ${allowed.join(' ')}`]
  }
}
