import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { run } from '../command'
import { identify, type ProcessIdentity } from './process-identity'

export interface SpawnFiles {
  /** A FIFO made for the moment of the start. */
  readonly request: string
  readonly events: string
  readonly log: string
}

/** Starts QEMU in a session of its own; it outlives this process and holds none of its pipes. */
export async function spawnMachine(qemu: string, args: readonly string[], files: SpawnFiles): Promise<ProcessIdentity> {
  await run(['mkfifo', '-m', '600', files.request])
  // Opened for both directions so that the machine never reads an end of file, which would end its record of events.
  const request = openSync(files.request, 'r+')
  unlinkSync(files.request)
  writeSync(request, '{"execute":"qmp_capabilities"}\n')
  const events = openSync(files.events, 'a', 0o600)
  const log = openSync(files.log, 'a', 0o600)
  try {
    const child = spawn(qemu, args, { detached: true, stdio: [request, events, log], cwd: '/' })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    const identity = child.pid === undefined ? null : await identify(child.pid)
    if (identity === null) throw new Error(`the machine did not start: ${readFileSync(files.log, 'utf8').trim()}`)
    return identity
  } finally {
    closeSync(request)
    closeSync(events)
    closeSync(log)
  }
}
