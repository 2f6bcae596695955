/** The product's witness process in its own place; restarted only by command. */
import { mkdirSync } from 'node:fs'
import { WITNESS_ADDRESS } from '../net/plan'
import type { LabPaths } from './paths'
import type { Place } from './place'
import { WITNESS_PORT } from './pool'
import { Service } from './service'
import type { LabSettings } from './settings'

/** Null: there is none. */
export function witnessService(place: Place, { witness: executable, isBare }: LabSettings, paths: LabPaths): Service | null {
  if (executable === null) return null
  mkdirSync(paths.witness, { recursive: true })
  const argv = [
    process.execPath,
    executable,
    '--listen',
    `${WITNESS_ADDRESS}:${WITNESS_PORT}`,
    '--data',
    paths.witness,
    ...(isBare ? [] : ['--key', paths.key]),
  ]
  return new Service({ name: 'witness', argv, environment: {}, restart: 'no', restartMs: 0 }, place, `${paths.dir}/witness.log`)
}
