import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { must } from '../mirror/must'
import type { SeedOrder, SeedReport } from '../mirror/seed-thread'
import { run } from './run'
import type { Trouble } from './strikes'

type LockstepOrder = Omit<SeedOrder, 'trouble'> & { readonly trouble?: readonly Trouble[] }

const port = must(parentPort, 'this runs as a thread')
port.on('message', ({ seed, hashed, trouble }: LockstepOrder) => {
  const hash = createHash('sha256')
  const options = { say: hashed ? (line: string): void => void hash.update(line) : null, ...(trouble && { trouble }) }
  void run(seed, options).then(({ seed: of, broken, detail, steps, simulatedMs, probes }) => {
    const report: SeedReport = {
      ...{ seed: of, broken, detail, steps, simulatedMs },
      ...{ probes: [...probes.keys()], hash: hashed ? hash.digest('hex') : '' },
    }
    port.postMessage(report)
  })
})
