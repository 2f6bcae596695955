import { BufferPool } from '../../../lib/dom0/nbd/buffer-pool'

const MIB = 1024 * 1024

test('a buffer is used again, and has room for what was asked', () => {
  const pool = new BufferPool(16 * MIB)
  for (const bytes of [1, 4096, 4160, 4161, 65_536, 70_000, 4 * MIB, 65 * 2 ** 16, 65 * 2 ** 16 + 1, 9 * MIB]) {
    const first = pool.lend(bytes)
    expect(first.length).toBeGreaterThanOrEqual(bytes)
    pool.takeBack(first)
    expect(pool.lend(bytes) === first).toBe(bytes <= 65 * 2 ** 16)
  }
})

test('it keeps no more than it may', () => {
  const pool = new BufferPool(3 * MIB)
  const lent = Array.from({ length: 10 }, () => pool.lend(MIB))
  for (const each of lent) pool.takeBack(each)
  expect(pool.idleBytes).toBeGreaterThan(2 * MIB)
  expect(pool.idleBytes).toBeLessThanOrEqual(3 * MIB)
})

test('what nobody needed since the last time is let go, and no more', () => {
  const pool = new BufferPool(64 * MIB)
  const lent = Array.from({ length: 10 }, () => pool.lend(MIB))
  const small = pool.lend(100)
  for (const each of [...lent, small]) pool.takeBack(each)
  pool.trim()
  const all = pool.idleBytes
  // One large and one small buffer are in use now and then.
  for (const bytes of [MIB, 100]) pool.takeBack(pool.lend(bytes))
  expect(pool.idleBytes).toBe(all)
  pool.trim()
  expect(pool.idleBytes).toBeGreaterThan(MIB)
  expect(pool.idleBytes).toBeLessThan(2 * MIB)
  pool.trim()
  pool.trim()
  expect(pool.idleBytes).toBe(0)
})

test('memory that was let go leaves the process', async () => {
  const pool = new BufferPool(256 * MIB)
  // Too few for the collector to run by itself.
  const lent = Array.from({ length: 12 }, () => pool.lend(2 * MIB).fill(1))
  for (const each of lent.splice(0)) pool.takeBack(each)
  const before = process.memoryUsage().arrayBuffers
  pool.trim()
  pool.trim()
  // The collector frees them on a thread of its own. Nothing else here makes it run.
  const limit = performance.now() + 10_000
  while (before - process.memoryUsage().arrayBuffers < 16 * MIB) {
    expect(performance.now()).toBeLessThan(limit)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}, 30_000)
