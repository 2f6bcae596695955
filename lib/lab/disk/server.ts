/**
 * A host's local disk: a FUSE file system over a directory, whose reads and writes can be told to fail.
 * A lane reads a request, performs it and answers; while it waits for the kernel it occupies a thread of Node's pool, so the pool
 * must be larger than LANES (the process is started with UV_THREADPOOL_SIZE).
 */
import { read, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { brokenBy, type DiskRule } from './rules'
import { Errno } from './nodes'
import { Disk } from './operations'
import * as fuse from './protocol'

const LANES = 4
export const THREADS = 12
const readFd = promisify(read)

const READING: readonly number[] = [fuse.OP.READ, fuse.OP.READDIR]
const WRITING: readonly number[] = [
  fuse.OP.WRITE,
  fuse.OP.FSYNC,
  fuse.OP.CREATE,
  fuse.OP.MKDIR,
  fuse.OP.UNLINK,
  fuse.OP.RMDIR,
  fuse.OP.RENAME,
  fuse.OP.RENAME2,
  fuse.OP.SETATTR,
]

export class DiskServer {
  readonly #disk: Disk
  #rules: readonly DiskRule[] = []
  /** Requests that hang; answered when the rules change to let them. */
  #hanging: fuse.Request[] = []

  constructor(
    readonly device: number,
    backing: string,
  ) {
    this.#disk = new Disk(backing)
  }

  setRules(rules: readonly DiskRule[]): void {
    this.#rules = rules
    const waiting = this.#hanging
    this.#hanging = []
    for (const request of waiting) void this.#serve(request)
  }

  /** Resolves when the file system is gone: unmounted, or its host lost power. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: LANES }, () => this.#lane()))
  }

  async #lane(): Promise<void> {
    const buffer = Buffer.alloc(fuse.REQUEST_BYTES_MAX)
    for (;;) {
      try {
        const { bytesRead } = await readFd(this.device, buffer, 0, buffer.length, null)
        await this.#serve(fuse.parseRequest(buffer.subarray(0, bytesRead)))
      } catch (error) {
        const errno = errnoOf(error)
        if (errno === GONE) return
        if (!TRANSIENT.includes(errno)) throw error
      }
    }
  }

  async #serve(request: fuse.Request): Promise<void> {
    let answer: Buffer
    try {
      const broken = this.#broken(request)
      if (broken === 'hang') {
        this.#hanging.push({ ...request, body: Buffer.from(request.body) })
        return
      }
      if (broken !== null) throw new Errno(fuse.ERRNO[broken])
      const body = await this.#disk.perform(request)
      if (body === null) return
      answer = fuse.reply(request.unique, 0, body)
    } catch (error) {
      answer = fuse.reply(request.unique, errnoOf(error))
    }
    this.#answer(answer)
  }

  #broken(request: fuse.Request) {
    const kind = READING.includes(request.opcode) ? 'reads' : WRITING.includes(request.opcode) ? 'writes' : null
    return kind === null || this.#rules.length === 0 ? null : brokenBy(this.#rules, this.#disk.pathOf(request), kind)
  }

  #answer(bytes: Buffer): void {
    try {
      writeSync(this.device, bytes)
    } catch (error) {
      // ENOENT: the asker was killed meanwhile and nobody waits for this answer.
      if (![fuse.ERRNO.ENOENT, GONE].includes(errnoOf(error))) throw error
    }
  }
}

/** ENODEV: the connection to the kernel is closed. */
const GONE = 19
/** ENOENT, EINTR, EAGAIN: a request was taken back while we read it. */
const TRANSIENT = [2, 4, 11]

/** @returns a positive error number; an error that is not about files is a bug and goes up */
function errnoOf(error: unknown): number {
  if (error instanceof Errno) return error.errno
  if (typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number') return -error.errno
  throw error
}
