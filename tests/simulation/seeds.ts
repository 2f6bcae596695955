import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The seeds of seeds.txt. */
export const taughtSeeds = (): number[] =>
  readFileSync(join(__dirname, 'seeds.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Number(line.split(/\s/, 1)[0]))
