import { fdatasync, read, write } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { assert } from '../../core/domain/assert'
import { failure } from '../system/system-error'

/**
 * Whole reads and writes of an open file, in Node's pool. Rejects with the system's error, or `EIO` where the file ends. The
 * handle's own calls do the same for twice the price.
 */
export class OpenFile {
  readonly fd: number
  private underWay = 0
  private whenQuiet: (() => void) | null = null

  constructor(private readonly handle: FileHandle) {
    this.fd = handle.fd
  }

  read(offset: number, into: Buffer): Promise<void> {
    return this.run((end) => {
      const from = (done: number): void => {
        read(this.fd, into, done, into.length - done, offset + done, (error, count) => {
          if (error !== null || done + count === into.length) end(error)
          else if (count === 0) end(failure('EIO', `the replica ends at ${offset + done}`))
          else from(done + count)
        })
      }
      from(0)
    })
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.run((end) => {
      const from = (done: number): void => {
        write(this.fd, data, done, data.length - done, offset + done, (error, count) => {
          if (error !== null || done + count === data.length) end(error)
          else if (count === 0) end(failure('EIO', `nothing was written at ${offset + done}`))
          else from(done + count)
        })
      }
      from(0)
    })
  }

  /** What was written before is on stable storage. */
  flush(): Promise<void> {
    return this.run((end) => fdatasync(this.fd, end))
  }

  /** Resolves when nothing is under way. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      if (this.underWay === 0) resolve()
      else this.whenQuiet = resolve
    })
  }

  /** Something else with its number, which stays this file's until it is over. */
  use(start: (over: (error: Error | null) => void) => void): Promise<void> {
    return this.run(start)
  }

  /** Nothing must be under way, nor be asked again: the file's number may be another file's afterwards. */
  close(): Promise<void> {
    assert(this.underWay === 0, 'a file is closed when nothing is under way')
    return this.handle.close()
  }

  private run(start: (end: (error: Error | null) => void) => void): Promise<void> {
    this.underWay++
    return new Promise((resolve, reject) => {
      start((error) => {
        if (--this.underWay === 0) this.whenQuiet?.()
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
}
