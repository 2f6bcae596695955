/** The product's witness process in its own place; restarted only by command. */
import { mkdirSync } from 'node:fs'
import { WITNESS_ADDRESS } from '../net/plan'
import type { LabPaths } from './paths'
import type { Place } from './place'
import { WITNESS_PORT } from './pool'
import { Service } from './service'

export function witnessService(place: Place, executable: string, paths: LabPaths): Service {
  mkdirSync(paths.witness, { recursive: true })
  const argv = [
    process.execPath,
    executable,
    '--listen',
    `${WITNESS_ADDRESS}:${WITNESS_PORT}`,
    '--data',
    paths.witness,
    '--key',
    paths.key,
  ]
  return new Service({ name: 'witness', argv, environment: {}, restart: 'no', restartMs: 0 }, place, `${paths.dir}/witness.log`)
}
