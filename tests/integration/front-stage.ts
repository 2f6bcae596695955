import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport } from '../../lib/dom0/nbd/nbd-export'
import { createNbdFront, type NbdFrontOptions, type NbdFrontServer } from '../../lib/dom0/front/nbd-front'
import type { DiskHandler } from '../../lib/ports/disk-export'
import { QuietLog } from './quiet-log'

export const MIB = 1024 * 1024

/** A front and the worker behind it, which comes and goes, in this process. */
export class FrontStage {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-front-'))
  readonly socket = join(this.folder, 'front.sock')
  readonly workerSocket = join(this.folder, 'worker.sock')
  readonly uri = `nbd+unix:///disk?socket=${this.socket}`
  readonly log = new QuietLog()
  /** The one started last. */
  front: NbdFrontServer | null = null
  worker: NbdExport | null = null

  async start(over: Partial<NbdFrontOptions> = {}): Promise<NbdFrontServer> {
    const { socket: listen, workerSocket: to, log } = this
    this.front = await createNbdFront({ listen, to, exportName: 'disk', log, ...over })
    return this.front
  }

  async serve(handler: DiskHandler, sizeBytes = 16 * MIB): Promise<void> {
    const listen = { unix: this.workerSocket }
    this.worker = await createNbdExport({ listen, exportName: 'disk', sizeBytes, handler, log: this.log })
  }

  async stopWorker(): Promise<void> {
    await this.worker?.close()
    this.worker = null
  }

  async close(): Promise<void> {
    await this.front?.close()
    await this.stopWorker()
    rmSync(this.folder, { recursive: true })
  }
}
