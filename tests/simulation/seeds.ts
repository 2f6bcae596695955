import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorldName } from './mirror-bundle'

/** The seeds of seeds.txt. Those of the pool begin with that word. */
export const taughtSeeds = (world: WorldName): number[] =>
  readFileSync(join(__dirname, 'seeds.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && line.startsWith('pool ') === (world === 'pool'))
    .map((line) => Number(line.replace(/^pool /, '').split(/\s/, 1)[0]))
