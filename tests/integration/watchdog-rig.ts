import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buildSync } from 'esbuild'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { codeOf } from '../../lib/dom0/system/system-error'

export const HOST = 'aaaaaaaa-0000-4000-8000-000000000001'
export const VM = 'eeeeeeee-0000-4000-8000-000000000001'
export const DOMID = '7'
export const LEASE_MS = 600

/** A toolstack that keeps its domains in files, writes down who called, and hangs or fails as it is told. */
const XL = String.raw`#!/bin/sh
echo "$$ $*" >>"$0.calls"
case $(cat "$0.$1" 2>/dev/null) in
hangs) exec sleep 1000 ;;
fails) echo 'the hypervisor says no' >&2; exit 1 ;;
esac
domain="$0.domains/$2"
become() { [ -e "$domain" ] || { echo "$2 is an invalid domain identifier (rc=-6)" >&2; exit 1; }; echo "$1" >"$0.$$"; mv "$0.$$" "$domain"; }
case $1 in
list)
  printf '%-40s %5s %5s %5s\t%s %7s\n' Name ID Mem VCPUs State 'Time(s)'
  for each in "$0.domains"/*; do
    [ -e "$each" ] && printf '%-40s %5s %5s %5s\t%s %7s\n' 'a guest' "$(basename "$each")" 256 1 "$(cat "$each")" 1.0
  done ;;
pause) become --p--- "$2" ;;
unpause) become r----- "$2" ;;
destroy) become --p--d "$2"; rm -f "$domain" ;;
esac
exit 0
`

/** The watchdog, which is told its paths, and a holder of a lease; bundled once. */
export class Executables {
  private readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-watchdog-built-'))
  readonly watchdog = this.bundle(
    'watchdog.js',
    `import { guardHost } from './plugin/guard-host'\nguardHost(...JSON.parse(process.argv[2]))`,
  )
  readonly holder = this.bundle('holder.js', `import './tests/integration/lease-holder'`)

  private bundle(name: string, contents: string): string {
    const outfile = join(this.folder, name)
    const stdin = { contents, resolveDir: join(__dirname, '..', '..'), loader: 'js' } as const
    buildSync({ stdin, bundle: true, platform: 'node', target: 'node20', outfile, logLevel: 'error' })
    return outfile
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}

/** One host as its watchdog sees it: a folder of leases, an `xl`, a FIFO as the kernel's watchdog, a program that resets it. */
export class WatchdogRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-watchdog-'))
  readonly leases = join(this.folder, 'leases')
  readonly device = join(this.folder, 'device')
  readonly fenced = join(this.folder, 'fenced')
  private readonly bin = join(this.folder, 'bin')
  private readonly xl = join(this.bin, 'xl')
  private readonly timeline = join(this.folder, 'timeline')
  private readonly config = join(this.folder, 'config.json')
  private readonly children: OwnChild[] = []
  private fifo: number | null = null
  /** A busy machine of tests may take long for what takes no time elsewhere. */
  limits = { pause: 10_000, destroy: 10_000 }

  constructor(private readonly built: Executables) {
    for (const folder of [this.bin, `${this.xl}.domains`]) mkdirSync(folder)
    this.executable(this.xl, XL)
    this.executable(join(this.bin, 'fence'), `#!/bin/sh\necho "$*" >>${this.fenced}\n`)
    writeFileSync(join(this.folder, 'inventory'), `INSTALLATION_UUID='${HOST}'\n`)
    execFileSync('mkfifo', [this.device])
    this.configure({})
    this.domain('r-----')
  }

  /** `hostWatchdog` of the configuration; the fence is never that of this machine. */
  configure(changes: object): void {
    const hostWatchdog = { device: this.device, seconds: 10, fence: [join(this.bin, 'fence'), 'yesreally'], ...changes }
    writeFileSync(this.config, JSON.stringify({ hostWatchdog }))
  }

  private executable(path: string, text: string): void {
    writeFileSync(path, text)
    chmodSync(path, 0o755)
  }

  // --- the toolstack ----------------------------------------------------------------------------------------------------------

  xlOf(verb: 'list' | 'pause' | 'destroy', mood: 'works' | 'hangs' | 'fails'): void {
    writeFileSync(`${this.xl}.${verb}.new`, mood)
    renameSync(`${this.xl}.${verb}.new`, `${this.xl}.${verb}`)
  }

  domain(state: string): void {
    writeFileSync(`${this.xl}.domains/${DOMID}`, state)
  }

  get state(): 'running' | 'paused' | 'destroyed' {
    const path = `${this.xl}.domains/${DOMID}`
    if (!existsSync(path)) return 'destroyed'
    return readFileSync(path, 'utf8').startsWith('--p') ? 'paused' : 'running'
  }

  get calls(): string[] {
    return this.#callLines.map((line) => line.replace(/^\d+ /, ''))
  }

  get #callLines(): string[] {
    const path = `${this.xl}.calls`
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }

  // --- the host's watchdog ----------------------------------------------------------------------------------------------------

  openDevice(): void {
    this.fifo = openSync(this.device, constants.O_RDONLY | constants.O_NONBLOCK)
  }

  /** What was written since the last look. */
  signs(): string {
    const [bytes, all] = [Buffer.alloc(65_536), [] as string[]]
    for (;;) {
      try {
        const length = readSync(this.fifo ?? -1, bytes)
        if (length === 0) return all.join('')
        all.push(bytes.toString('latin1', 0, length))
      } catch (error) {
        if (codeOf(error) === 'EAGAIN') return all.join('')
        throw error
      }
    }
  }

  // --- processes --------------------------------------------------------------------------------------------------------------

  watchdog(): OwnChild {
    const { config, timeline, leases } = this
    const inventory = join(this.folder, 'inventory')
    return this.start(this.built.watchdog, [JSON.stringify([{ config, timeline, leases, inventory }, this.limits])])
  }

  holder(then: 'pause' | 'destroy' | 'alone' = 'pause', leaseMs = LEASE_MS): OwnChild {
    return this.start(this.built.holder, [this.leases, VM, DOMID, String(leaseMs), then])
  }

  private start(script: string, args: readonly string[]): OwnChild {
    const log = openSync(join(this.folder, `${basename(script)}.log`), 'a')
    const env = { ...process.env, PATH: `${this.bin}:${process.env['PATH'] ?? ''}` }
    const child = new OwnChild(spawn(process.execPath, [script, ...args], { stdio: ['ignore', log, log], env }))
    closeSync(log)
    this.children.push(child)
    return child
  }

  acts(): string[] {
    return this.entries().map(({ act }) => act)
  }

  entries(): TimelineEntry[] {
    return readTimeline(this.timeline)
  }

  get log(): string {
    return readdirSync(this.folder)
      .filter((name) => name.endsWith('.log'))
      .map((name) => readFileSync(join(this.folder, name), 'utf8'))
      .join('\n')
  }

  async close(): Promise<void> {
    for (const child of this.children) await child.end('SIGKILL')
    for (const line of this.#callLines) killIfOurs(Number(line.split(' ')[0]))
    if (this.fifo !== null) closeSync(this.fifo)
    rmSync(this.folder, { recursive: true })
  }
}

/** A toolstack that hangs, left behind by a watchdog that was killed. */
function killIfOurs(pid: number): void {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\u00001000\u0000') process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ESRCH') throw error
  }
}

export class OwnChild {
  /** Exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>
  over = false

  constructor(private readonly child: ChildProcess) {
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.over = true
        resolve(code ?? signal ?? 'unknown')
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  end(signal: NodeJS.Signals): Promise<number | string> {
    if (!this.over) this.child.kill(signal)
    return this.ended
  }

  get isStopped(): boolean {
    return /\) T /.test(readFileSync(`/proc/${this.pid}/stat`, 'utf8'))
  }
}
