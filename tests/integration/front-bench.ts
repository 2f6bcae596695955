import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { ownProcess, type OwnProcess } from './mirror-side'
import { eventually } from './worker-host'

/** The front's executable, in a folder of its own with the sockets on both its sides. */
export class FrontBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-front-'))
  readonly socket = join(this.folder, 'front.sock')
  readonly workerSocket = join(this.folder, 'worker.sock')
  readonly uri = `nbd+unix:///disk?socket=${this.socket}`
  private readonly script = join(this.folder, 'holdfast-front.js')
  /** As it is installed: to be run by its name. */
  readonly executable = join(this.folder, 'holdfast-front')
  private readonly fronts: OwnProcess[] = []

  constructor() {
    const entryPoints = [join(__dirname, '..', '..', 'plugin', 'nbd-front.ts')]
    buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: this.script, logLevel: 'error' })
    writeFileSync(this.executable, `#!/bin/sh\nexec ${process.execPath} ${this.script} "$@"\n`, { mode: 0o755 })
  }

  launch(...given: readonly string[]): OwnProcess {
    const front = ownProcess([this.script, ...given], join(this.folder, `front-${this.fronts.length}.log`))
    this.fronts.push(front)
    return front
  }

  /** Clients may come; whether there is a worker does not matter. */
  async start(): Promise<OwnProcess> {
    const front = this.launch('--listen', this.socket, '--to', this.workerSocket, '--export', 'disk')
    await eventually('the front listens', () => Promise.resolve(front.log().includes(' listening ') ? true : null))
    return front
  }

  async close(): Promise<void> {
    for (const front of this.fronts) await front.kill()
    rmSync(this.folder, { recursive: true })
  }
}

/** A server that is killed and started again at the same socket. */
export class MortalServer {
  kills = 0
  private child: ChildProcess | null = null
  private ended: Promise<void> = Promise.resolve()

  /** `argv` serves at `socket`; its log is kept beside it. */
  constructor(
    private readonly argv: readonly string[],
    private readonly socket: string,
  ) {}

  start(): void {
    // A server that was killed leaves its socket, at which some refuse to listen.
    rmSync(this.socket, { force: true })
    const log = openSync(`${this.socket}.log`, 'a')
    const [program = '', ...given] = this.argv
    const child = spawn(program, given, { stdio: ['ignore', log, log] })
    closeSync(log)
    this.child = child
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()))
  }

  /** Resolves when this life of it has given so many bytes to files. */
  async wrote(bytes: number, over: () => boolean): Promise<void> {
    await eventually(`${this.argv[0] ?? ''} writes`, () => Promise.resolve(over() || this.written >= bytes ? true : null))
  }

  async kill(): Promise<void> {
    this.kills += 1
    this.child?.kill('SIGKILL')
    await this.ended
  }

  private get written(): number {
    const file = `/proc/${this.child?.pid ?? 0}/io`
    return existsSync(file) ? Number(/wchar: (\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) : 0
  }
}

export const qemuNbd = (image: string, socket: string): MortalServer =>
  new MortalServer(['qemu-nbd', '-f', 'raw', '-k', socket, '--shared=16', '-t', '-x', 'disk', image], socket)

/** Slow, so that there is time to kill it. */
export const slowNbdkit = (image: string, socket: string): MortalServer =>
  new MortalServer(['nbdkit', '-f', '-U', socket, '--filter=rate', 'file', image, 'rate=80M', 'burstiness=0.1'], socket)
