import { readFile } from 'node:fs/promises'
import { eventOf, type QmpEvent } from './qmp'

/** What a machine wrote of itself, oldest first. It is there for everybody, also while the machine answers nobody. */
export async function eventsIn(path: string): Promise<readonly QmpEvent[]> {
  return (
    (await readFile(path, 'utf8'))
      .split('\n')
      // The last line may be cut short by a kill, or be about to be written.
      .filter((line) => line.trimEnd().endsWith('}'))
      .map((line) => eventOf(JSON.parse(line)))
      .filter((event) => event !== null)
  )
}

/** Whether the vCPUs stand; those of a new machine do. */
export const isStanding = (events: readonly QmpEvent[]): boolean =>
  events.findLast(({ event }) => event === 'STOP' || event === 'RESUME')?.event !== 'RESUME'
