import type { Capturable, Captured, OpenCapture } from '../../../ports/capture'
import type { ChangedPages, MemoryRange } from '../../../ports/changed-memory'
import { codedError, errorText } from './error-text'

type Answer<T> = (result: T) => void
type Refused = (error: string) => void

/**
 * The guest's machine, asked for one thing after the other. Whoever has paused it resumes it: what somebody else paused is left standing.
 * After an error nothing is known of what changed in its memory, so its captures are of no use until it is opened again.
 */
export class MonitoredGuest {
  #machine: Capturable | null = null
  #acts: (() => Promise<void>)[] = []
  #busy = false
  #isWanted = false
  #mayStand: boolean
  #resumeAsked = false

  /** `mayStand`: whoever was here before may have paused it. */
  constructor(
    private readonly openCapture: OpenCapture,
    private readonly note: (text: string, error: string) => void,
    mayStand: boolean,
  ) {
    this.#mayStand = mayStand
  }

  /** Of a machine whose memory is wholly unknown. Null: there is none. Rejects with why it cannot. */
  open(): Promise<Capturable | null> {
    return new Promise((resolve, reject) => this.#ask(this.#reopen(), resolve, (error) => reject(codedError('ENOTSUP', error))))
  }

  /** What changed in these ranges, while it runs or stands. */
  look(into: Buffer, ranges: readonly MemoryRange[], answer: Answer<ChangedPages>, refused: Refused): void {
    this.#ask(() => this.#opened.capture.look(into, ranges), answer, refused)
  }

  /** `settled`: what has to be waited for, once it stands. */
  pause(settled: () => Promise<void>, paused: () => void, refused: Refused, notRunning: () => void): void {
    this.#resumeAsked = false
    const act = async (): Promise<boolean> => {
      const { capture } = this.#opened
      this.#mayStand = true
      if ((await capture.pause()) === 'paused') {
        await settled()
        return true
      }
      this.#mayStand = false
      return false
    }
    this.#ask(act, (isPaused) => (isPaused ? paused() : notRunning()), refused)
  }

  /** `more`: pages for which there was no room; the buffer is used again when it returns. Given up when it is to be resumed. */
  capture(into: Buffer, more: (pages: ChangedPages) => void, answer: Answer<Captured>, refused: Refused): void {
    const act = async (): Promise<Captured> => {
      const { capture } = this.#opened
      const { pages: first, state } = await capture.capture(into)
      let pages = first
      while (pages.rest.length > 0) {
        more(pages)
        if (this.#resumeAsked) throw codedError('ECANCELED', 'it was given up')
        pages = await capture.look(into, pages.rest)
      }
      return { pages, state }
    }
    this.#ask(act, answer, refused)
  }

  resume(answer: () => void, refused: Refused): void {
    this.#resumeAsked = true
    const act = async (): Promise<void> => {
      if (!this.#mayStand) return
      this.#machine ??= await this.openCapture()
      try {
        await this.#machine?.capture.resume()
        this.#mayStand = false
      } catch (error) {
        // Its monitor may be what failed: the next attempt has another one.
        await this.#drop()
        throw error
      }
    }
    this.#ask(act, answer, refused)
  }

  /** It is let go of, as soon as it does not stand because of this. */
  release(): void {
    this.#isWanted = false
    this.#pump()
  }

  /** It is nobody's any more: it is not resumed, and let go of as it is. */
  abandon(): void {
    this.#acts = []
    this.#mayStand = false
    this.release()
  }

  get #opened(): Capturable {
    if (this.#machine === null) throw codedError('ENOTCONN', 'the machine is not open')
    return this.#machine
  }

  #reopen() {
    return async (): Promise<Capturable | null> => {
      if (this.#mayStand) throw codedError('EBUSY', 'the guest was not resumed yet')
      await this.#drop()
      this.#isWanted = true
      this.#machine = await this.openCapture()
      return this.#machine
    }
  }

  async #drop(): Promise<void> {
    const machine = this.#machine
    this.#machine = null
    try {
      await machine?.capture.end()
    } catch (error) {
      this.note('the monitor of a guest was not closed', errorText(error))
    }
  }

  /** The next act begins before this returns, if none is under way: a guest that stands waits for nothing else. */
  #ask<T>(act: () => Promise<T>, answer: Answer<T>, refused: Refused): void {
    this.#acts.push(async () => {
      let tell: () => void
      try {
        const result = await act()
        tell = () => answer(result)
      } catch (error) {
        const text = errorText(error)
        tell = () => refused(text)
      }
      this.#busy = false
      tell()
    })
    this.#pump()
  }

  #pump(): void {
    if (this.#busy) return
    const act = this.#acts.shift() ?? this.#rest()
    if (act === null) return
    this.#busy = true
    void act().then(() => this.#pump())
  }

  #rest(): (() => Promise<void>) | null {
    if (this.#isWanted || this.#mayStand || this.#machine === null) return null
    return async () => {
      await this.#drop()
      this.#busy = false
    }
  }
}
