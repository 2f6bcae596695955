import { Refusal } from '../../core/domain/errors'
import type { WorkerSettings, WorkerSpec } from '../../wire/worker-api'
import type { HostParts } from './parts'

/** What workers of this host are told of the pool's configuration. */
export const settingsFor = ({ config, host }: HostParts): Required<WorkerSettings> => ({
  ...{ witness: config.witness, alternateWitness: config.alternateWitness, witnessTls: config.witnessTls },
  ...{ withoutQuorum: config.withoutQuorum, isPreferredSurvivor: config.preferredSurvivor === host, resync: config.resync },
})

/** Whether a worker with this spec has been told something else; of an earlier release's spec, what is absent is as it was usual then. */
export function isOutOfDate(spec: WorkerSpec, settings: Required<WorkerSettings>): boolean {
  const { witness, alternateWitness = null, witnessTls = null, withoutQuorum = 'freeze', isPreferredSurvivor = false } = spec
  const told: Required<WorkerSettings> = {
    ...{ witness, alternateWitness, witnessTls, withoutQuorum, isPreferredSurvivor, resync: spec.resync ?? {} },
  }
  return JSON.stringify(told) !== JSON.stringify(settings)
}

/**
 * Workers that run are told of a changed configuration: one a second, and only while every witness of it answers, because one that starts
 * again without a witness does not know whether it holds its claim.
 */
export class ToldSettings {
  readonly #told = new Set<string>()

  constructor(private readonly parts: HostParts) {}

  async turn(specs: readonly WorkerSpec[]): Promise<void> {
    const { witness, witnesses } = this.parts
    const all = witnesses === undefined ? [witness] : [witnesses.preferred, witnesses.alternate]
    if (!all.every(({ reachable }) => reachable)) return
    const settings = settingsFor(this.parts)
    const next = specs.find((spec) => !this.#told.has(spec.id) && isOutOfDate(spec, settings))
    if (next !== undefined) await this.#tell(next, settings)
  }

  /** One that does not hear of it goes on as it is, and is told by the next daemon. */
  async #tell({ id, vm }: WorkerSpec, settings: WorkerSettings): Promise<void> {
    this.#told.add(id)
    const { workers, timeline, log } = this.parts
    try {
      await workers.ask(id, 'new-settings', { settings }, ASK_LIMIT_MS)
      timeline.record({
        ...{ vm, act: 'worker-restarted', rule: 'settings-changed' },
        text: "The worker was started again with the pool's new settings.",
        evidence: { worker: id },
      })
    } catch (error) {
      if (!(error instanceof Refusal) && !hasCode(error)) throw error
      log.warn('a worker was not told of new settings', { worker: id, why: String(error) })
    }
  }
}

const ASK_LIMIT_MS = 3000

/** The system's, of a worker that has just ended. */
const hasCode = (error: unknown): boolean => typeof error === 'object' && error !== null && 'code' in error
