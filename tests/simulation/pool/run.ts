import { Broken } from '../mirror/broken'
import { isMarked } from '../mirror/notes'
import type { Outcome } from '../mirror/run'
import { Engine } from './engine'
import { asError } from './failure'
import { Faults } from './faults'
import type { Fault } from './trouble'
import type { Vm } from './vm'
import { PoolWorld } from './world'

/** All is well: by then everything has been answered and repaired. Between two nudges: a request that waits then has waited for long. */
const LIVENESS_MS = 61_000
/** Whoever died just now is missed by then. */
const NOTICE_MS = 1500
/** The primary forgets what may differ when nobody has asked for anything for a second. */
const NUDGE_EVERY_MS = 2500
/** Whether all is well takes longer to find out than most events take. */
const LOOK_EVERY_MS = 10

/** One seed from its beginning to its end. `say` gets the transcript. One at a time: what no code handles belongs to nobody. */
export async function run(
  seed: number,
  say: ((line: string) => void) | null = null,
  trouble: readonly Fault[] | null = null,
): Promise<Outcome> {
  const probes = new Map<string, number>()
  const probe = (name: string): unknown => probes.set(name, (probes.get(name) ?? 0) + 1)
  const world = new PoolWorld(seed, { say, probe }, trouble)
  const engine = new Engine(world.schedule)
  const unhandled = (error: unknown): void => {
    engine.failure ??= asError(error)
  }
  process.on('unhandledRejection', unhandled)
  let broken = ''
  let detail = ''
  try {
    await live(world, engine)
  } catch (error) {
    broken = error instanceof Broken ? error.invariant : error instanceof Error ? error.name : 'unknown'
    detail = error instanceof Error ? `${error.message}${error instanceof Broken ? '' : `\n${error.stack ?? ''}`}` : String(error)
    world.say(() => `BROKEN ${broken}: ${detail}`)
  } finally {
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
  }
  const { steps, now } = world.schedule
  return { seed, broken, detail, steps, simulatedMs: now, probes }
}

async function live(world: PoolWorld, engine: Engine): Promise<void> {
  const { schedule, plan, vms } = world
  const faults = new Faults(world)
  world.start()
  faults.start()
  await engine.run(() => schedule.now >= plan.safetyMs)

  world.say(() => 'all is well from now on')
  for (const vm of vms) vm.isResting = true
  faults.end()
  const noticedAt = schedule.now + NOTICE_MS
  await engine.run(() => schedule.now >= noticedAt)
  nudge(world)
  await wait(world, engine, 'comes to rest', () => vms.every((vm) => isAtRest(world, vm)))
  for (const vm of vms) vm.guest?.readAll(vm.judge.touched)
  await wait(world, engine, 'reads all', () => vms.every(({ guest }) => guest?.isIdle === true))
  for (const vm of vms) vm.judge.replicasAreEqual()
}

async function wait(world: PoolWorld, engine: Engine, what: string, isSo: () => boolean): Promise<void> {
  const { schedule } = world
  const untilMs = schedule.now + LIVENESS_MS
  let lookAtMs = schedule.now
  await engine.run(() => {
    if (schedule.now < lookAtMs) return false
    lookAtMs = schedule.now + LOOK_EVERY_MS
    return isSo() || schedule.now > untilMs
  })
  if (isSo()) return
  throw new Broken('liveness', `never ${what}: ${world.vms.map((vm) => standing(world, vm)).join('; ')}`)
}

function standing(world: PoolWorld, vm: Vm): string {
  const claim = world.claimOf(vm)
  const claimed =
    claim === null
      ? 'no claim'
      : `claim ${claim.holder.slice(0, 1)} term ${claim.term} of ${Object.values(claim.upToDate).flat().length}`
  const sides = vm.homes.map((name) => {
    const machine = world.machine(name)
    const status = machine.worker(vm.uuid)?.status
    const open = world.plan.pair === null || machine.claimNotes.isDecided(vm.uuid) ? '' : ', its note of who decides is open'
    return `${name}: ${status === undefined ? 'no worker' : `${status.role} ${status.degraded}`}, ${machine.store(vm.volume).notes.text}${open}`
  })
  return `${vm.guest?.text ?? 'no guest'}; ${claimed}; ${sides.join('; ')}`
}

/** A replica of which nobody asks anything may be gone for long before anybody knows. */
function nudge(world: PoolWorld): void {
  for (const { guest } of world.vms) if (guest?.isIdle === true) guest.flush()
  world.schedule.after(NUDGE_EVERY_MS, () => nudge(world))
}

/** It is heard again, so it does once more, and both homes know. */
const preferredDecides = (world: PoolWorld, vm: Vm): boolean =>
  world.plan.pair === null ||
  (world.deciderOf(vm) === world.witnesses[0] && vm.homes.every((name) => world.machine(name).claimNotes.isDecided(vm.uuid)))

function isAtRest(world: PoolWorld, vm: Vm): boolean {
  if (vm.guest?.isIdle !== true || vm.judge.listed.length < 2 || !preferredDecides(world, vm)) return false
  return vm.homes.every((name) => {
    const { noted } = world.machine(name).store(vm.volume).notes
    if (noted === null || noted.state !== 'up-to-date' || noted.generations.bitmap !== '') return false
    return noted.hot.length === 0 && !isMarked(noted.pages)
  })
}
