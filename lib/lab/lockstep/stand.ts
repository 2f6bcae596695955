import { join } from 'node:path'
import type { ConfigGiven } from '../../wire/config'
import type { LabTimes } from '../contract'
import { makeVm, setStage, startVmOn, until, VM_ADDRESS } from '../demo/stage'
import { RECORDS_PORT } from '../client/disk-records'
import type { Lab } from '../rack/lab'
import { CountRun } from './count-run'
import type { LockstepScene } from './scene'

export interface StandOptions {
  readonly dir: string
  /** A folder of this machine for what the client writes. */
  readonly papers: string
  readonly say: (text: string) => void
  readonly look?: (counter: CountRun) => void
  readonly times?: Partial<LabTimes>
  readonly config?: Partial<ConfigGiven>
  readonly hosts?: number
  /** Where the VM runs; h2 by default. */
  readonly on?: string
}

const DISK_BYTES = 128 * 1024 * 1024
const BOOT_LIMIT_MS = 120_000
const NAME = 'orders'

/** Hosts from nothing, two by default; VM `orders` runs with its disk in the Holdfast SR, and a client counts. */
export async function standLockstep({ dir, papers, say, look, on = 'h2', ...more }: StandOptions): Promise<LockstepScene> {
  const stage = await setStage({ dir, keepOnFailure: true, onProgress: say, ...more })
  const { lab } = stage
  const { vm, vmUuid } = await makeVm(stage, NAME, DISK_BYTES)
  await startVmOn(stage, vm, on)
  await until('the guest listens', BOOT_LIMIT_MS, () => listens(lab))
  const counter = await CountRun.start(lab, join(papers, 'counts.jsonl'))
  await until('the guest answers the client', BOOT_LIMIT_MS, () => Promise.resolve(counter.answers().length > 0))
  const watching = (): void => {
    counter.answers()
    look?.(counter)
  }
  return { lab, vm: vmUuid, name: NAME, counter, say, look: watching }
}

const KNOCK = `
const [host, ...ports] = process.argv.slice(1)
setTimeout(() => process.exit(1), 1000)
for (const port of ports) require('net').connect(port, host, () => ports.pop() && ports.length === 0 && process.exit(0)).on('error', () => process.exit(1))
`

/** Redis and the program that keeps records. */
async function listens(lab: Lab): Promise<boolean> {
  return (await lab.exec('client', [process.execPath, '-e', KNOCK, VM_ADDRESS, '6379', String(RECORDS_PORT)])).exit === 0
}
