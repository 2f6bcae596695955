import { codeOf } from '../system/system-error'
import { Qmp, type QmpSession } from './qmp'

interface Shared {
  readonly opened: Promise<Qmp>
  users: number
}

const LIMIT_MS = 5000
const NOBODY: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED'])

/** One connection to each guest's monitor for all who want something of it, because QEMU serves one client at a time. */
export class GuestMonitors {
  readonly #shared = new Map<string, Shared>()

  /** Null: nobody listens at `path`. Rejects as Qmp does. A connection that has ended is replaced; who had it keeps the one that has ended. */
  async take(path: string): Promise<QmpSession | null> {
    const shared = this.#shared.get(path) ?? this.#open(path)
    shared.users++
    try {
      const qmp = await shared.opened
      if (!qmp.isOver) return this.#session(path, shared, qmp)
      this.#leave(path, shared)
      if (this.#shared.get(path) === shared) this.#shared.delete(path)
      return await this.take(path)
    } catch (error) {
      if (this.#shared.get(path) === shared) this.#shared.delete(path)
      if (NOBODY.has(codeOf(error))) return null
      throw error
    }
  }

  #open(path: string): Shared {
    const shared = { opened: Qmp.open(path, LIMIT_MS), users: 0 }
    this.#shared.set(path, shared)
    return shared
  }

  #session(path: string, shared: Shared, qmp: Qmp): QmpSession {
    let isClosed = false
    return {
      execute: (...asked) => qmp.execute(...asked),
      onEvent: (listener) => qmp.onEvent(listener),
      close: () => {
        if (!isClosed) this.#leave(path, shared)
        isClosed = true
      },
    }
  }

  #leave(path: string, shared: Shared): void {
    shared.users--
    if (shared.users > 0) return
    if (this.#shared.get(path) === shared) this.#shared.delete(path)
    void shared.opened.then((qmp) => qmp.close())
  }
}
