import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorldName } from './mirror-bundle'

/** The seeds of seeds.txt. A line begins with the name of its world, unless that is the mirror. */
export const taughtSeeds = (world: WorldName): number[] =>
  readFileSync(join(__dirname, 'seeds.txt'), 'utf8')
    .split('\n')
    .map((line) => /^(?:(pool|lockstep) )?(\d+) /.exec(line))
    .flatMap((found) => (found !== null && (found[1] ?? 'mirror') === world ? [Number(found[2])] : []))
