import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { NbdSource } from '../../lib/wire/replica-source'
import { freeze } from './frozen'

const READY_MS = 20_000
let started = 0

/** An NBD server that somebody else wrote, as a process of its own with a log in `folder`. */
export class OtherNbdServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly source: NbdSource,
  ) {}

  /** `qemu-nbd` on a raw image; `more` are further options. */
  static qemu(folder: string, image: string, ...more: string[]): Promise<OtherNbdServer> {
    return start(folder, (socket, pidFile) => [
      'qemu-nbd',
      ...['--format=raw', '--cache=writeback', '--aio=threads', '--discard=unmap', '--detect-zeroes=off'],
      ...['--persistent', '--shared=0', `--socket=${socket}`, `--pid-file=${pidFile}`, ...more, image],
    ])
  }

  /** `qemu-storage-daemon` with a raw image. */
  static storageDaemon(folder: string, image: string): Promise<OtherNbdServer> {
    return start(folder, (socket, pidFile) => [
      'qemu-storage-daemon',
      ...['--blockdev', `driver=file,node-name=disk,filename=${image},discard=unmap`],
      ...['--nbd-server', `addr.type=unix,addr.path=${socket}`],
      ...['--export', 'type=nbd,id=export,node-name=disk,name=,writable=on', '--pidfile', pidFile],
    ])
  }

  /** `nbdkit`: options, plug-in, and the plug-in's and the filters' parameters. */
  static nbdkit(folder: string, ...args: string[]): Promise<OtherNbdServer> {
    return start(folder, (socket, pidFile) => ['nbdkit', '--foreground', `--unix=${socket}`, `--pidfile=${pidFile}`, ...args])
  }

  static async make(child: ChildProcess, source: NbdSource, isReady: () => boolean, log: string): Promise<OtherNbdServer> {
    const server = new OtherNbdServer(child, source)
    const deadline = Date.now() + READY_MS
    while (!isReady()) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended: ${readFileSync(log, 'utf8')}`)
      if (Date.now() > deadline) {
        await server.stop()
        throw new Error(`the server does not become ready: ${readFileSync(log, 'utf8')}`)
      }
      await delay(5)
    }
    return server
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** It hangs: what is asked of it from now on is never answered. */
  freeze(): Promise<void> {
    return freeze(this.child.pid ?? NaN)
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
  }

  /** Waits until it is gone. */
  stop(): Promise<void> {
    this.child.kill('SIGKILL')
    return this.ended()
  }
}

async function start(folder: string, command: (socket: string, pidFile: string) => string[]): Promise<OtherNbdServer> {
  const name = join(folder, `nbd-${++started}`)
  const [program = '', ...args] = command(`${name}.sock`, `${name}.pid`)
  const log = openSync(`${name}.log`, 'w')
  const child = spawn(program, args, { stdio: ['ignore', log, log] })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  closeSync(log)
  const source: NbdSource = { kind: 'nbd', address: { unix: `${name}.sock` }, exportName: '' }
  const isReady = (): boolean => sizeOf(`${name}.pid`) > 0
  return Promise.race([failed, OtherNbdServer.make(child, source, isReady, `${name}.log`)])
}

function sizeOf(path: string): number {
  try {
    return readFileSync(path).length
  } catch {
    return 0
  }
}
