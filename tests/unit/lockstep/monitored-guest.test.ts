import { MonitoredGuest } from '../../../lib/daemon/worker/lockstep/monitored-guest'
import type { Capturable } from '../../../lib/ports/capture'

/** A machine whose monitors are connections of their own; `fails`: what the next request of each kind comes to. */
class Machine {
  readonly said: string[] = []
  readonly fails = new Set<string>()
  #monitors = 0
  stands = false
  pausedByOther = false

  open = (): Promise<Capturable> => {
    const monitor = ++this.#monitors
    const ask = async <T>(what: string, act: () => T): Promise<T> => {
      this.said.push(`${what} ${monitor}`)
      await Promise.resolve()
      if (this.fails.delete(what)) throw Object.assign(new Error('EPIPE'), { code: 'EPIPE' })
      return act()
    }
    return ask('open', () => ({
      capture: {
        look: () => ask('look', () => ({ parts: [], rest: [] })),
        pause: () => ask('pause', () => (this.pausedByOther ? 'not-running' : ((this.stands = true), 'paused'))),
        capture: () => ask('capture', () => ({ pages: { parts: [], rest: [] }, state: Buffer.alloc(1) })),
        resume: () => ask('resume', () => void (this.stands = false)),
        end: () => ask('end', () => undefined),
      },
      ...{ memoryBytes: 4096, way: 'devices' as const },
    }))
  }
}

const guestOf = (machine: Machine, mayStand: boolean): MonitoredGuest =>
  new MonitoredGuest(machine.open, () => undefined, mayStand)

const resumed = (guest: MonitoredGuest): Promise<string> =>
  new Promise((resolve) => guest.resume(() => resolve('resumed'), resolve))

const paused = (guest: MonitoredGuest): Promise<string> =>
  new Promise((resolve) =>
    guest.pause(
      () => Promise.resolve(),
      () => resolve('paused'),
      resolve,
      () => resolve('not running'),
    ),
  )

/** It is not let go of yet when this is answered. */
const over = (machine: Machine): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (machine.said.at(-1)?.startsWith('end') === true) resolve()
      else setImmediate(look)
    }
    look()
  })

test('a new worker resumes a guest whom the former one may have left paused', async () => {
  const machine = new Machine()
  machine.stands = true
  expect(await resumed(guestOf(machine, true))).toBe('resumed')
  await over(machine)
  expect(machine.said).toEqual(['open 1', 'resume 1', 'end 1'])
  expect(machine.stands).toBe(false)
})

test('whoever has not paused a guest does not resume it', async () => {
  const machine = new Machine()
  expect(await resumed(guestOf(machine, false))).toBe('resumed')
  expect(machine.said).toEqual([])
})

test('a guest whose resuming failed is asked over another monitor', async () => {
  const machine = new Machine()
  const guest = guestOf(machine, false)
  await guest.open()
  expect(await paused(guest)).toBe('paused')
  machine.fails.add('resume')
  expect(await resumed(guest)).toBe('EPIPE')
  expect(machine.stands).toBe(true)
  expect(await resumed(guest)).toBe('resumed')
  expect(machine.said).toEqual(['open 1', 'pause 1', 'resume 1', 'end 1', 'open 2', 'resume 2'])
  expect(machine.stands).toBe(false)
})

test('a guest that somebody else has paused stays so', async () => {
  const machine = new Machine()
  const guest = guestOf(machine, false)
  await guest.open()
  machine.pausedByOther = true
  expect(await paused(guest)).toBe('not running')
  expect(await resumed(guest)).toBe('resumed')
  expect(machine.said).toEqual(['open 1', 'pause 1'])
})

test('a guest that stands is not let go of', async () => {
  const machine = new Machine()
  const guest = guestOf(machine, false)
  await guest.open()
  await paused(guest)
  guest.release()
  expect(machine.said).toEqual(['open 1', 'pause 1'])
  await expect(guest.open()).rejects.toThrow('the guest was not resumed yet')
  await resumed(guest)
  await over(machine)
  expect(machine.said.slice(2)).toEqual(['resume 1', 'end 1'])
})
