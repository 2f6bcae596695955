import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { FrontClient, FrontPort } from '../../ports/fronts'
import type { Log } from '../../ports/log'
import { removeSocket } from '../socket/socket-place'
import { failure } from '../system/system-error'

export interface FrontProcessOptions {
  /** Folder of the fronts' sockets and logs. */
  readonly folder: string
  readonly executable: string
  readonly log: Log
}

const START_LIMIT_MS = 5000
const POLL_MS = 20

/** Fronts are detached, with their own logs: they outlive the daemon, and end by themselves when nobody needs them. */
export function frontProcesses({ folder, executable, log }: FrontProcessOptions): FrontPort {
  mkdirSync(folder, { recursive: true, mode: 0o700 })

  const takeNames = (volume: string, kept: string | null): void => {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(`${volume}.`) && name !== kept && !name.endsWith('.log')) removeSocket(join(folder, name))
    }
  }

  return {
    serve: async ({ volume, domain }: FrontClient, { socket: to, exportName }) => {
      const name = `${volume}.${domain}.sock`
      const socket = join(folder, name)
      takeNames(volume, name)
      if (await answers(socket)) return socket
      const output = openSync(join(folder, `${volume}.log`), 'a', 0o600)
      const argv = ['--listen', socket, '--to', to, '--export', exportName]
      const child = spawn(executable, argv, { detached: true, stdio: ['ignore', output, output], cwd: '/' })
      closeSync(output)
      const over = new Promise<string>((resolve) => {
        child.once('exit', (status, signal) => resolve(signal ?? `status ${status ?? 'unknown'}`))
        child.once('error', (error) => resolve(error.message))
      })
      void over.then((how) => log.info('front ended', { volume, domain, how }))
      child.unref()
      await untilAnswers(socket, over)
      return socket
    },
    release: (volume, domain) => {
      if (domain === undefined) takeNames(volume, null)
      else removeSocket(join(folder, `${volume}.${domain}.sock`))
    },
  }
}

async function untilAnswers(socket: string, over: Promise<string>): Promise<void> {
  const started = { how: '' }
  void over.then((how) => (started.how = how))
  const giveUpAt = performance.now() + START_LIMIT_MS
  while (!(await answers(socket))) {
    if (started.how !== '') throw failure('EFRONT', `the front ended at once: ${started.how}`)
    if (performance.now() > giveUpAt) throw failure('ETIMEDOUT', `the front does not listen at ${socket}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Somebody listens there. */
const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
