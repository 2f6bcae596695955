import { removeSocket } from '../socket/socket-place'
import { keepProcess, type KeptProcess, type KeptProcessOptions } from './kept-process'

/**
 * The process that keeps the connections of clients which cannot reconnect. It runs while this side serves the disk, and no longer:
 * behind a front, a disk that is served elsewhere would be silent for ever.
 */
export class KeptFront {
  private kept: KeptProcess | null = null
  private leaving: Promise<void> = Promise.resolve()

  constructor(
    private readonly listen: string,
    private readonly options: () => KeptProcessOptions,
  ) {}

  wanted(serves: boolean): void {
    if (serves && this.kept === null) this.kept = this.start()
    else if (!serves && this.kept !== null) void this.stop()
  }

  stop(): Promise<void> {
    const { kept } = this
    this.kept = null
    if (kept !== null) this.leaving = kept.stop().then(() => removeSocket(this.listen))
    return this.leaving
  }

  private start(): KeptProcess {
    const kept = keepProcess(this.options())
    kept.ended.then(
      () => {
        if (this.kept === kept) this.kept = null
      },
      // It cannot be started at all: tried again at the next look.
      (error: unknown) => {
        if (this.kept === kept) this.kept = null
        this.options().log.error('the front cannot be started', { error: String(error) })
      },
    )
    return kept
  }
}
