import { execFile } from 'node:child_process'

/** A command of the machine failed; the message carries what it printed last. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  constructor(
    readonly argv: readonly string[],
    readonly stderr: string,
  ) {
    super(`${argv.join(' ')}: ${stderr.trim() || 'failed without a word'}`)
  }
}

/** Runs a program to its end and gives its standard output; anything but exit 0 is CommandFailed. */
export function run(argv: readonly [string, ...string[]], options: { cwd?: string; timeoutMs?: number } = {}): Promise<string> {
  const [program, ...rest] = argv
  return new Promise((resolve, reject) => {
    execFile(
      program,
      rest,
      { cwd: options.cwd, timeout: options.timeoutMs ?? 60_000, maxBuffer: 16 << 20, env: { ...process.env, LC_ALL: 'C' } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new CommandFailed(argv, stderr || error.message))
      },
    )
  })
}
