import { randomUUID } from 'node:crypto'
import { NO_GENERATIONS } from '../../core/domain/volume'
import type { WorkerVolume } from '../../wire/worker-api'
import { openReplica } from '../replica/open-replica'
import { systemFiles } from '../replica/replica-files'
import { replicaMetadata } from '../replica/replica-metadata'

/**
 * Makes the replica that a new mirror begins with, and answers the term for its first claim. `make`: one of zeroes; `adopt`: what
 * is there counts; `use`: it was up-to-date in a claim that the witness has lost, and no old process may have the new term.
 */
export async function firstReplica(act: 'make' | 'adopt' | 'use' | 'replace', volume: WorkerVolume): Promise<number> {
  if (act === 'adopt') await adopt(volume)
  const replica = await openReplica(volume, act === 'make')
  if (act === 'make') await replica.save({ state: 'up-to-date' })
  await replica.close()
  return replica.metadata.term + 1
}

async function adopt({ key, sizeBytes, path, metadata }: WorkerVolume): Promise<void> {
  const whole = {
    volume: key,
    replica: randomUUID(),
    sizeBytes,
    term: 0,
    state: 'up-to-date',
    generations: NO_GENERATIONS,
    boot: '',
  } as const
  await replicaMetadata(systemFiles, metadata ?? path).save(whole)
}

/** The claim went to the other side meanwhile, which will fill this replica. */
export async function giveUpFirstReplica(volume: WorkerVolume): Promise<void> {
  const replica = await openReplica(volume, false)
  await replica.save({ state: 'inconsistent' })
  await replica.close()
}
