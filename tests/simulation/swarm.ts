import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { SeedOrder, SeedReport } from './mirror/seed-thread'

/** What a seed leaves behind is short-lived; collecting it in smaller portions costs a tenth of the time. */
const YOUNG_MB = 128

/** `trouble`: the only kinds of faults. Each world has its own. */
export type AnyOrder = Omit<SeedOrder, 'trouble'> & { readonly trouble?: readonly string[] }

export interface SwarmOptions {
  /** Bundle of the simulator. */
  readonly file: string
  readonly orders: Iterable<AnyOrder>
  /** Threads; as many as the machine has cores if left out. */
  readonly jobs?: number
  /** False: no more seeds. Those under way are still told. */
  readonly told: (report: SeedReport) => boolean
}

/** Runs seeds in threads, each the next one that is left. A thread that dies of an error makes the whole fail, with its seed. */
export async function swarm({ file, orders, jobs = availableParallelism(), told }: SwarmOptions): Promise<void> {
  const left = orders[Symbol.iterator]()
  let goesOn = true
  const work = async (): Promise<void> => {
    const thread = new Worker(file, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
    let seed = -1
    try {
      for (let next = left.next(); goesOn && next.done !== true; next = left.next()) {
        seed = next.value.seed
        thread.postMessage(next.value)
        const [report] = (await once(thread, 'message')) as [SeedReport]
        goesOn = told(report) && goesOn
      }
    } catch (error) {
      goesOn = false
      throw new Error(`seed ${seed}: the thread died`, { cause: error })
    } finally {
      await thread.terminate()
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
}

/** `count` seeds from `first` on. */
export const ordersFrom = (first: number, count: number, hashed = false): SeedOrder[] =>
  Array.from({ length: count }, (_, index) => ({ seed: first + index, hashed }))
