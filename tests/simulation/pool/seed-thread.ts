import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { must } from '../mirror/must'
import type { SeedOrder, SeedReport } from '../mirror/seed-thread'
import type { Fault } from './trouble'
import { run } from './run'

type PoolOrder = Omit<SeedOrder, 'trouble'> & { readonly trouble?: readonly Fault[] }

const port = must(parentPort, 'this runs as a thread')
port.on('message', ({ seed, hashed, trouble }: PoolOrder) => {
  const hash = createHash('sha256')
  void run(seed, hashed ? (line) => void hash.update(line) : null, trouble).then(({ probes, ...outcome }) => {
    const report: SeedReport = { ...outcome, probes: [...probes.keys()], hash: hashed ? hash.digest('hex') : '' }
    port.postMessage(report)
  })
})
