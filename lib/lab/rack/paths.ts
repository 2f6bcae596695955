/** Where a lab keeps what: everything is below one directory, which `down` removes. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { BadRequest } from '../faults/fault'

/** A unix socket's path may have 107 bytes; the longest we reach from outside is hosts/h16/root/var/lib/xcp/xapi. */
const DIR_BYTES_MAX = 70

export interface LabPaths {
  readonly dir: string
  /** Written first, removed last: says that the directory is a lab. */
  readonly marker: string
  /** "<pid> <start time>" of the init of the lab's outermost pid namespace. */
  readonly init: string
  readonly control: string
  readonly log: string
  readonly witness: string
  readonly key: string
  readonly host: (name: string) => HostPaths
}

export interface HostPaths {
  readonly dir: string
  readonly root: string
  /** What the disk server serves at /srv. */
  readonly disk: string
  readonly log: string
  readonly xapiSocket: string
}

export function defaultLabDir(env: Readonly<Record<string, string | undefined>>): string {
  const state = env['XDG_STATE_HOME']
  return join(state === undefined || state === '' ? join(homedir(), '.local', 'state') : state, 'holdfast', 'lab')
}

export function labPaths(given: string): LabPaths {
  const dir = resolve(given)
  if (Buffer.byteLength(dir) > DIR_BYTES_MAX) {
    throw new BadRequest(
      `the lab's directory ${dir} is longer than ${DIR_BYTES_MAX} bytes, too long for sockets below it; use --dir`,
    )
  }
  if (/[^\w./+@-]/.test(dir))
    throw new BadRequest(`the lab's directory ${dir} has unusual characters; use --dir with a plain path`)
  return {
    dir,
    marker: join(dir, 'lab.json'),
    init: join(dir, 'init.pid'),
    control: join(dir, 'control.sock'),
    log: join(dir, 'rack.log'),
    witness: join(dir, 'witness'),
    key: join(dir, 'pool.key'),
    host: (name) => {
      const host = join(dir, 'hosts', name)
      const root = join(host, 'root')
      return { dir: host, root, disk: join(host, 'disk'), log: join(host, 'log'), xapiSocket: join(root, 'var/lib/xcp/xapi') }
    },
  }
}
