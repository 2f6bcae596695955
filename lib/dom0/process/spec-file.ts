import { rename, writeFile } from 'node:fs/promises'
import type { Log } from '../../ports/log'
import type { WorkerSpec } from '../../wire/worker-api'
import { LineQueue } from '../log/line-queue'
import { codeOf } from '../system/system-error'

/** spec.json of a worker: the newest is written as soon as it can be, and nobody waits for a disk that is full. */
export class SpecFile {
  readonly #queue: LineQueue

  constructor(
    private readonly path: string,
    private readonly log: Log,
    againAfterMs?: number,
  ) {
    this.#queue = new LineQueue({
      write: (specs) => this.#replace(specs.at(-1) ?? ''),
      lost: () => '',
      nowMs: () => performance.now(),
      ...(againAfterMs === undefined ? {} : { againAfterMs }),
    })
  }

  save(spec: WorkerSpec): void {
    this.#queue.add(JSON.stringify(spec, null, 1))
  }

  /** One sentence for the operator; empty while the newest is in the file. */
  get trouble(): string {
    const why = this.#queue.trouble
    return why === '' ? '' : `What the worker serves cannot be noted (${why}), and is forgotten if it ends: ${this.path}`
  }

  /** Resolves when the newest is in the file, cannot be written now, or the limit is over. */
  rest(limitMs: number): Promise<void> {
    return this.#queue.rest(limitMs)
  }

  async #replace(text: string): Promise<void> {
    try {
      await writeFile(`${this.path}.new`, text, { mode: 0o600 })
      await rename(`${this.path}.new`, this.path)
    } catch (error) {
      this.log.error('spec.json cannot be written', { path: this.path, error: codeOf(error) })
      throw error
    }
  }
}
