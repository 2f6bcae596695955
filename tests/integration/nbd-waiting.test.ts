import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BufferPool } from '../../lib/dom0/nbd/buffer-pool'
import { NbdConnection } from '../../lib/dom0/nbd/nbd-connection'
import { InflightBudget } from '../../lib/dom0/nbd/nbd-inflight'
import { HeldDisk } from './held-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { TapdiskClient } from './tapdisk-client'

test('only who has something to say waits for room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
  const path = join(folder, 'disk.sock')
  const budget = new InflightBudget({ requests: 2, bytes: 1024 * 1024 })
  const disk = new HeldDisk()
  const connections = new Set<NbdConnection>()
  const shared = {
    ...{ offer: { name: 'disk-0', sizeBytes: 4096, readOnly: false }, handler: disk.handler, budget, tls: undefined },
    ...{ memory: new BufferPool(0), log: new QuietLog(), handshakeMs: 60_000, stallMs: 60_000 },
    ...{ extents: () => undefined, misbehaved: () => undefined },
  }
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const connection = new NbdConnection(socket, shared, connections.size + 1, () => connections.delete(connection))
    connections.add(connection)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const open = async (): Promise<TapdiskClient> => (await TapdiskClient.open(path)).client
  const busy = [await open(), await open()]
  for (const client of busy) client.send(0, 0, 512)
  await until(
    () => budget.isFull,
    () => budget.requests,
  )
  const idle = await open()
  expect([...connections].every(({ isOpen }) => isOpen)).toBe(true)
  expect(budget.isWaitedFor).toBe(false)
  idle.send(0, 0, 512)
  await until(
    () => budget.isWaitedFor,
    () => budget.requests,
  )
  for (const client of [...busy, idle]) client.socket.destroy()
  await until(
    () => connections.size === 0,
    () => connections.size,
  )
  expect(budget.isWaitedFor).toBe(false)
  for (const { reply } of disk.held) reply({ error: 5 })
  expect([budget.requests, budget.bytes]).toEqual([0, 0])
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})
