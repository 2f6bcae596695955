import { execFile } from 'node:child_process'

/** A toolstack that hangs must not hang its caller with it; what hung is not left behind. */
const LIMIT_MS = 5000
const OUTPUT_BYTES_MAX = 1024 * 1024

/** One call of Xen's `xl`, or of what stands for it: what it printed. Rejects with its own words. */
export const runXl = (executable: string, ...argv: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const
    execFile(executable, argv, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`xl ${argv.join(' ')}: ${stderr.trim().slice(0, 500) || error.message}`))
    })
  })
