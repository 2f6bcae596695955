/** A VM in lockstep, a client that counts, and eyes on the production network. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { monotonicMs } from '../../lib/lab/client/record'
import type { CounterVerdict } from '../../lib/lab/client/counter'
import { statusOn, timelineOn } from '../../lib/lab/demo/operator'
import { until } from '../../lib/lab/demo/stage'
import { protectInLockstep, untilLockstep, type LockstepScene } from '../../lib/lab/lockstep/scene'
import { standLockstep, type StandOptions } from '../../lib/lab/lockstep/stand'
import { removeLab } from '../../lib/lab/rack/down'
import { labPaths } from '../../lib/lab/rack/paths'
import type { VmStatus } from '../../lib/wire/daemon-api'
import { BridgeCapture } from './bridge-capture'
import { SHORT_TIMES } from './product-scene'
import { processesAbout } from './rack-eyes'
import { streamOf } from './wire-story'

const LIMIT_MS = 120_000
const REDIS_PORT = 6379
const RECORDS_PORT = 7000

export class LockstepStand {
  private constructor(
    private readonly folder: string,
    readonly scene: LockstepScene,
    readonly capture: BridgeCapture,
  ) {}

  /** In lockstep, on h2 if nothing else is said. What it went through is printed when it fails. */
  static async open(more: Pick<StandOptions, 'hosts' | 'on' | 'config'> = {}): Promise<LockstepStand> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-'))
    const story: string[] = []
    const dir = join(folder, 'lab')
    try {
      const scene = await standLockstep({
        dir,
        papers: folder,
        say: (text) => void story.push(text),
        times: SHORT_TIMES,
        ...more,
      })
      const stand = new LockstepStand(folder, scene, await BridgeCapture.start(scene.lab))
      await protectInLockstep(scene, 'h1')
      await untilLockstep(scene, more.on ?? 'h2')
      return stand
    } catch (error) {
      await removeLab(labPaths(dir))
      rmSync(folder, { recursive: true, force: true })
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${story.join('\n')}`, { cause: error })
    }
  }

  /** Nothing of the lab is left afterwards: no process, mount or file. */
  async close(): Promise<void> {
    const { lab, counter } = this.scene
    try {
      await counter.kill()
      this.capture.stop()
      await lab.down()
      expect(existsSync(lab.dir)).toBe(false)
      await until('nothing of the lab runs', LIMIT_MS, () => Promise.resolve(processesAbout(lab.dir).length === 0))
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  /** Where the guest runs, and where its standby is. */
  async places(): Promise<{ readonly primary: string; readonly standby: string }> {
    const { holder } = await this.status('h1')
    return holder === 'h1' ? { primary: 'h1', standby: 'h2' } : { primary: 'h2', standby: 'h1' }
  }

  async status(host: string): Promise<VmStatus> {
    const status = await statusOn(this.scene.lab, host, this.scene.vm)
    if (status === null) throw new Error(`${host} says nothing of the VM`)
    return status
  }

  /** The VM's entries of the timeline since that moment of the wall's clock. */
  async acts(host: string, sinceWallMs: number): Promise<readonly TimelineEntry[]> {
    const entries = await timelineOn(this.scene.lab, host)
    return entries.filter(({ vm, at }) => vm === this.scene.vm && Date.parse(at) >= sinceWallMs)
  }

  /** The guest answers what is asked from now on, over the same connection. */
  async countsOn(answers = 20): Promise<void> {
    const since = monotonicMs()
    const { counter } = this.scene
    await until('the guest answers', LIMIT_MS, () => Promise.resolve(counter.askedAndAnsweredSince(since) >= answers))
  }

  async again(host: string): Promise<void> {
    await untilLockstep(this.scene, host, LIMIT_MS)
    await this.countsOn()
  }

  /** What is left to say: the client reads everything back, and no byte that the guest said on the wire was ever another one. */
  async end(): Promise<CounterVerdict> {
    const verdict = await this.scene.counter.end()
    for (const port of [REDIS_PORT, RECORDS_PORT])
      for (const segments of this.capture.connections(port).values()) {
        const { contradicted, resets } = streamOf(segments)
        expect({ port, contradicted, resets }).toEqual({ port, contradicted: [], resets: 0 })
      }
    return verdict
  }
}
