/** The mirror numbers its requests from 1, and never comes so far. */
const LOOKS_FROM = 2 ** 52

/** What the peer's replica is asked beside the mirror, which knows nothing of it: reads and digests. */
export class PeerLooks {
  readonly #open = new Map<number, { answer: (data: Buffer) => void; fail: (error: Error) => void }>()
  #lastSeq = LOOKS_FROM

  /** Rejects with the peer's code, or ECONNRESET when the link is lost first. */
  ask(send: (seq: number) => void): Promise<Buffer> {
    const seq = ++this.#lastSeq
    return new Promise((answer, fail) => {
      this.#open.set(seq, { answer, fail })
      send(seq)
    })
  }

  /** False when it is no answer to one of these. */
  answered(seq: number, error: string, data: Buffer | undefined): boolean {
    if (seq < LOOKS_FROM) return false
    const open = this.#open.get(seq)
    this.#open.delete(seq)
    if (data === undefined) open?.fail(coded(error || 'EPROTO'))
    else open?.answer(data)
    return true
  }

  lost(): void {
    for (const { fail } of this.#open.values()) fail(coded('ECONNRESET'))
    this.#open.clear()
  }
}

export const coded = (code: string): Error => Object.assign(new Error(`the peer's replica: ${code}`), { code })
