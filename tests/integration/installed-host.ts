import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(__dirname, '..', '..')

/** Builds the executables of dom0 and lays them out under `root`, as packaging does. */
export function installInto(root: string): void {
  for (const [command, ...args] of [
    [process.execPath, 'packaging/build.mjs'],
    ['packaging/install.sh', '--root', root, '--node', process.execPath],
  ]) {
    const { status, stderr } = spawnSync(command ?? '', args, { cwd: ROOT, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${stderr}`)
  }
}

export interface Ended {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

/**
 * Runs an installed executable as xapi does: alone with PATH, in /, output in files. Standard input is `input`, or /dev/null open
 * for writing only. `socket` is the daemon's.
 */
export async function runInstalled(
  root: string,
  path: string,
  args: readonly string[],
  socket: string,
  input?: string,
): Promise<Ended> {
  const logs = join(root, 'tmp')
  mkdirSync(logs, { recursive: true })
  const files = [join(logs, 'stdout'), join(logs, 'stderr')] as const
  const [out, err, none] = [openSync(files[0], 'w'), openSync(files[1], 'w'), openSync('/dev/null', 'w')]
  const began = process.hrtime.bigint()
  const child = spawn(join(root, 'opt/holdfast/bin/node'), [join(root, path), ...args], {
    cwd: '/',
    env: { PATH: '/sbin:/usr/sbin:/bin:/usr/bin', HOLDFAST_DAEMON_SOCKET: socket },
    stdio: [input === undefined ? none : 'pipe', out, err],
    detached: true,
  })
  child.stdin?.end(input)
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  const ms = Number((process.hrtime.bigint() - began) / 1_000_000n)
  for (const fd of [out, err, none]) closeSync(fd)
  return { exit, stdout: readFileSync(files[0], 'utf8'), stderr: readFileSync(files[1], 'utf8'), ms }
}
