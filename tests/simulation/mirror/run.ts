import { Faults } from './faults'
import { Broken } from './broken'
import { HOSTS } from './names'
import type { Fault } from './plan'
import { corrupt } from './strikes'
import { World } from './world'

export interface Outcome {
  readonly seed: number
  /** '' when every rule was kept. */
  readonly broken: string
  readonly detail: string
  readonly steps: number
  readonly simulatedMs: number
  readonly probes: ReadonlyMap<string, number>
}

const SAFETY_MS = 30_000
const SAFETY_STEPS = 40_000
/** Two histories of which one is refused meet within this. */
const MEET_MS = 4000
/** Whoever died just now is missed by then. */
const NOTICE_MS = 1000
const NUDGE_EVERY_MS = 700
/** All is well: by then everything has been answered and repaired. */
const LIVENESS_MS = 120_000
const LIVENESS_STEPS = 400_000

/** One seed from its beginning to its end. `say` gets the transcript. `trouble`: no other kinds of it. */
export function run(seed: number, say: ((line: string) => void) | null = null, trouble: readonly Fault[] | null = null): Outcome {
  const probes = new Map<string, number>()
  const probe = (name: string): unknown => probes.set(name, (probes.get(name) ?? 0) + 1)
  const world = new World(seed, { say, probe }, trouble)
  let broken = ''
  let detail = ''
  try {
    live(world)
  } catch (error) {
    broken = error instanceof Broken ? error.invariant : error instanceof Error ? error.name : 'unknown'
    detail = error instanceof Error ? `${error.message}${error instanceof Broken ? '' : `\n${error.stack ?? ''}`}` : String(error)
    say?.(`${world.schedule.now.toFixed(2).padStart(9)} BROKEN ${broken}: ${detail}`)
  }
  const { steps, now } = world.schedule
  return { seed, broken, detail, steps, simulatedMs: now, probes }
}

function live(world: World): void {
  const { schedule, plan, judge } = world
  const faults = new Faults(world)
  world.start()
  faults.start()
  while (world.requests < plan.guest.requests && schedule.now < SAFETY_MS && schedule.steps < SAFETY_STEPS) schedule.step()

  world.say(() => 'all is well from now on')
  world.resting = true
  faults.end()
  const until = schedule.now + (judge.kept.keepsOne ? MEET_MS : NOTICE_MS)
  while (schedule.now < until) schedule.step()
  judge.kept.check((name) => {
    world.probe('refused history kept')
    world.hosts[name].store.replace()
    judge.copies.mayCopyAll(name)
    world.hosts[name].kill()
  })
  nudge(world)
  wait(world, 'comes to rest', () => isAtRest(world))
  world.guest?.readAll(judge.touched)
  wait(world, 'reads all', () => world.guest?.isIdle === true)
  judge.replicasAreEqual()
  if (plan.corrupts) findCorruption(world)
}

function wait(world: World, what: string, isSo: () => boolean): void {
  const { schedule, hosts } = world
  const untilMs = schedule.now + LIVENESS_MS
  const untilStep = schedule.steps + LIVENESS_STEPS
  while (!isSo()) {
    schedule.step()
    if (schedule.now < untilMs && schedule.steps < untilStep) continue
    const standing = HOSTS.map(
      (name) => `${name}: ${hosts[name].worker?.standing ?? 'no worker'}, ${hosts[name].store.notes.text}`,
    ).join('; ')
    throw new Broken('liveness', `never ${what}: ${standing}; guest ${world.guest?.isIdle === true ? 'idle' : 'waits'}`)
  }
}

/** A replica of which nobody asks anything may be gone for long before anybody knows. */
function nudge(world: World): void {
  if (world.guest?.isIdle === true) world.guest.flush()
  world.schedule.after(NUDGE_EVERY_MS, () => nudge(world))
}

function isAtRest(world: World): boolean {
  const { guest, hosts, judge } = world
  if (guest?.isIdle !== true || judge.listed.length < 2) return false
  if (guest.host.worker?.primary?.holderIsQuiet !== true) return false
  return HOSTS.every((name) => {
    const { noted } = hosts[name].store.notes
    if (noted === null || noted.state !== 'up-to-date' || noted.generations.bitmap !== '' || noted.hot.length > 0) return false
    return [...noted.pages.values()].every((page) => page.every((byte) => byte === 0))
  })
}

/** A byte that a disk returns wrong is found, and repaired from the replica that is read from. */
function findCorruption(world: World): void {
  const primary = world.guest?.host.worker?.primary
  const name = world.guest?.host.other.name
  if (primary === undefined || primary === null || name === undefined) return
  const block = corrupt(world, name)
  for (const [repair, isThere] of [
    [false, true],
    [true, true],
    [false, false],
  ] as const) {
    world.judge.found = []
    world.judge.verdict = null
    world.judge.copies.verifying = true
    primary.verify(repair)
    const verdict = (): string | null => world.judge.verdict
    wait(world, 'verifies', () => verdict() !== null)
    const found = world.judge.found.map(({ first, last }) => `${first}-${last}`).join()
    const wanted = isThere ? `${block}-${block}` : ''
    if (verdict() !== '' || found !== wanted)
      throw new Broken('verify', `found ${found} (${verdict() ?? 'no verdict'}), differing was ${wanted}`)
  }
  world.judge.replicasAreEqual()
}
