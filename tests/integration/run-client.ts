import { execFile } from 'node:child_process'

export interface Ran {
  readonly status: number
  readonly output: string
}

/** Runs a client program to its end; a hanging one is stopped after a minute and fails the test by its status. */
export const run = (program: string, ...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 60_000, killSignal: 'SIGKILL' }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, output: stdout + stderr }),
    )
  })
