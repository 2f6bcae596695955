import { hostsOf } from '../../../../lib/core/domain/claim'
import type { PairWorld } from './pair-world'

const TROUBLE_MS = 45_000

/** Faults at random moments, of random length. */
export async function trouble(world: PairWorld): Promise<void> {
  const { dice, schedule } = world
  while (schedule.now < TROUBLE_MS) {
    const host = dice.of(world.hosts)
    const witness = dice.of(world.witnesses)
    const ms = dice.chance(0.3) ? 3000 + dice.below(7000) : dice.below(2500)
    const fault = dice.of(['crash', 'link', 'witness', 'witness', 'witness-road', 'stall', 'witness-restart', 'nothing'] as const)
    if (fault === 'crash' && host.isAlive) {
      host.crash()
      schedule.after(100 + ms, () => host.boot())
    } else if (fault === 'link' && world.isLinked) {
      world.isLinked = false
      for (const each of world.hosts) schedule.after(300, () => world.isLinked || each.primary?.wire?.cut())
      schedule.after(ms, () => (world.isLinked = true))
    } else if (fault === 'witness' && witness.isUp) {
      witness.isUp = false
      schedule.after(2 * ms, () => {
        witness.restart()
        witness.isUp = true
      })
    } else if (fault === 'witness-road') {
      witness.cutFrom.add(host.uuid)
      schedule.after(ms, () => witness.cutFrom.delete(host.uuid))
    } else if (fault === 'stall') host.life.stalledUntil = schedule.now + ms
    else if (fault === 'witness-restart') witness.restart()
    await world.run(schedule.now + dice.below(3500))
  }
  await world.run(TROUBLE_MS + 21_000)
}

/** One serves, both are listed, the guest's writes are acknowledged, and both have noted the same. */
export function whatIsWrong(world: PairWorld, writesBefore: number): string {
  const primaries = world.hosts.filter((host) => host.mayAnswer())
  const [claim, notes] = [world.deciding, world.hosts.map(({ note }) => note)]
  const [first, second] = notes
  if (primaries.length !== 1) return `${primaries.length} serve`
  if (claim === null || hostsOf(claim).length !== 2) return `the claim lists ${claim === null ? 'nobody' : hostsOf(claim).join()}`
  if (primaries[0]?.uuid !== claim.holder) return 'another one holds the claim'
  if (world.acknowledged.length < writesBefore + 10) return 'no write is acknowledged'
  if (first === null || second === null || first === 'damaged' || second === 'damaged') return 'a note is missing'
  if (first?.generation !== second?.generation || first?.by !== second?.by) return 'the notes differ'
  return first?.pending === null && second?.pending === null ? '' : 'a switch is pending'
}
