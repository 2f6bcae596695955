import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../../../lib/core/domain/ids'
import type { ReplicaRequest } from '../../../../lib/core/domain/replica-request'
import { TICK_MS, type WorkerParts } from '../../../../lib/daemon/worker/parts'
import { HANG_LIMIT_MS, Seat } from '../../../../lib/daemon/worker/seat'
import { FaultyReplicas } from './faulty-replica'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-seat-'))
afterAll(() => rmSync(folder, { recursive: true }))

const GENERATIONS = { current: '00000000000000aa', bitmap: '', former: '', history: [] }
const IN_STEP: ReplicaRequest = {
  ...{ kind: 'mark', offset: 0, length: 0 },
  mark: { state: 'up-to-date', generations: GENERATIONS, bits: 'none' },
}
const write = (offset: number): ReplicaRequest => {
  const data = Buffer.alloc(4096, 7)
  return { kind: 'write', offset, length: data.length, data, fua: false }
}

/** One replica on a machine that starts again and again, opened by one process after the other. */
class Machine {
  readonly replicas = new FaultyReplicas()
  readonly failures: string[] = []
  nowMs = 1_000_000
  private readonly path = mkdtempSync(join(folder, 'disk-'))

  open(boot: string, hasFailed = false): Promise<Seat> {
    const volume = { key: volumeKey('dddddddd-0000-4000-8000-000000000001'), sizeBytes: 1 << 24, path: join(this.path, 'x.raw') }
    // Nothing else of the world is asked for here.
    const parts = { openReplica: this.replicas.opener, boot, clock: { nowMs: () => this.nowMs } } as unknown as WorkerParts
    return Seat.open(volume, true, parts, { hasFailed, onFailed: (error) => this.failures.push(error) })
  }

  /** In step with another replica, and written to since. */
  async written(boot: string): Promise<Seat> {
    const seat = await this.open(boot)
    expect(await ask(seat, 1, IN_STEP)).toBe('')
    expect(await ask(seat, 2, write(0))).toBe('')
    return seat
  }

  tick(seat: Seat, forMs: number): void {
    for (const untilMs = this.nowMs + forMs; this.nowMs < untilMs;) seat.tick((this.nowMs += TICK_MS), true)
  }
}

const ask = (seat: Seat, seq: number, request: ReplicaRequest): Promise<string> =>
  new Promise((resolve) => seat.perform(seq, request, resolve))
const keptIn = (seat: Seat): boolean => seat.presence('').cacheKept

describe('what its machine had cached', () => {
  test('is kept when only the process ended', async () => {
    const machine = new Machine()
    const before = await machine.written('boot 1')
    await before.close()
    const after = await machine.open('boot 1')
    expect(keptIn(after)).toBe(true)
    await after.close()
  })

  test('is lost with the machine, for each process after it, until the other replica has been compared', async () => {
    const machine = new Machine()
    await (await machine.written('boot 1')).close()
    for (const boot of ['boot 2', 'boot 2', 'boot 3']) {
      const seat = await machine.open(boot)
      expect(keptIn(seat)).toBe(false)
      await seat.close()
    }
    const seat = await machine.written('boot 3')
    expect(keptIn(seat)).toBe(true)
    await seat.close()
    const next = await machine.open('boot 3')
    expect(keptIn(next)).toBe(true)
    await next.close()
  })

  test('is lost, too, when another process had emptied the log before: what was in it is in the bitmap', async () => {
    const machine = new Machine()
    await (await machine.written('boot 1')).close()
    const again = await machine.open('boot 1')
    expect(keptIn(again)).toBe(true)
    await again.close()
    const seat = await machine.open('boot 2')
    expect(keptIn(seat)).toBe(false)
    await seat.close()
  })

  test('is not lost with a machine on which nothing was left unsettled', async () => {
    const machine = new Machine()
    const first = await machine.open('boot 1')
    await ask(first, 1, IN_STEP)
    await first.close()
    for (const boot of ['boot 2', 'boot 3']) {
      const seat = await machine.open(boot)
      expect(keptIn(seat)).toBe(true)
      await seat.close()
    }
  })

  test('is known to be lost before the log of what was in it is emptied', async () => {
    const machine = new Machine()
    await (await machine.written('boot 1')).close()
    machine.replicas.fail('saveHot', 'EIO')
    await expect(machine.open('boot 2')).rejects.toMatchObject({ code: 'EIO' })
    expect(machine.failures).toEqual(['EIO'])
    expect(machine.replicas.open).toBe(0)
    machine.replicas.mend()
    const seat = await machine.open('boot 2')
    expect(keptIn(seat)).toBe(false)
    await seat.close()
  })

  test('may be lost with a device that failed, and a later process knows', async () => {
    const machine = new Machine()
    const seat = await machine.written('boot 1')
    machine.replicas.fail('flush', 'EIO')
    expect(await ask(seat, 3, { kind: 'flush', offset: 0, length: 0 })).toBe('EIO')
    expect(machine.failures).toEqual(['EIO'])
    await seat.close()
    machine.replicas.mend()
    const again = await machine.open('boot 1')
    expect(keptIn(again)).toBe(false)
    expect(await ask(again, 1, IN_STEP)).toBe('')
    expect(keptIn(again)).toBe(true)
    await again.close()
  })
})

test('a failed device is known for one until the other replica has been compared', async () => {
  const machine = new Machine()
  await (await machine.written('boot 1')).close()
  const seat = await machine.open('boot 1', true)
  expect(seat.hasFailed).toBe(true)
  await ask(seat, 1, IN_STEP)
  expect(seat.hasFailed).toBe(false)
  await seat.close()
})

describe('a device that is silent', () => {
  const hung = async (call: 'write' | 'save') => {
    const machine = new Machine()
    const seat = await machine.written('boot 1')
    const letGo = machine.replicas.hold(call)
    return { machine, seat, letGo }
  }

  test('fails after its time, and nobody but close() waits for it any longer', async () => {
    const { machine, seat, letGo } = await hung('write')
    seat.perform(3, write(4096), () => {
      throw new Error('it is never answered')
    })
    const lost = seat.linkLost()
    machine.tick(seat, HANG_LIMIT_MS)
    expect(machine.failures).toEqual([])
    machine.tick(seat, TICK_MS)
    expect(machine.failures).toEqual(['ETIMEDOUT'])
    await lost
    await seat.linkLost()
    await seat.newPrimary()
    const closed = seat.close()
    await seat.linkLost()
    expect(machine.replicas.open).toBe(1)
    letGo()
    await closed
    expect(machine.replicas.open).toBe(0)
  })

  test('fails, too, when it is a term that it does not keep', async () => {
    const { machine, seat, letGo } = await hung('save')
    const saved = seat.saveTerm(9)
    machine.tick(seat, HANG_LIMIT_MS + TICK_MS)
    expect(machine.failures).toEqual(['ETIMEDOUT'])
    await saved
    letGo()
    await seat.close()
  })

  test('has its time again after the process stood still', async () => {
    const { machine, seat, letGo } = await hung('write')
    const answered = ask(seat, 3, write(4096))
    machine.tick(seat, TICK_MS)
    seat.tick((machine.nowMs += 10 * HANG_LIMIT_MS), true)
    machine.tick(seat, HANG_LIMIT_MS - 2 * TICK_MS)
    expect(machine.failures).toEqual([])
    letGo()
    expect(await answered).toBe('')
    await seat.close()
  })
})
