/** Makes a lab: checks, writes what was decided, starts the rack inside new namespaces, waits until it is ready. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigGiven } from '../../wire/config'
import type { LabTimes } from '../contract'
import { BadRequest } from '../faults/fault'
import { HOSTS_MAX } from '../net/plan'
import { obstacles, SEARCH_PATH } from './checks'
import type { LabStatus } from './control'
import { askRack, NoRack } from './control-client'
import { initOf, removeLab } from './down'
import { Lab } from './lab'
import { labPaths, type LabPaths } from './paths'
import { describePool } from './pool'
import { poolReady } from './pool-ready'
import { isAlive, isErrno } from './process'
import type { LabSettings } from './settings'

export interface StartOptions {
  readonly dir: string
  readonly hosts: number
  readonly times?: Partial<LabTimes>
  /** The folder with rack.js, disk.js, xapi.js ... (dist/lab); by default where this program itself was built, or the tree's. */
  readonly labBin?: string
  /** Folder with vmlinuz and initrd.gz. */
  readonly guest?: string
  /** false: hosts and witness without the product, even if it is built. */
  readonly product?: boolean
  /** false: the product is installed, and is still to be set up. */
  readonly setUp?: boolean
  /** A power switch for each host. */
  readonly bmc?: boolean
  /** A second witness. */
  readonly alternate?: boolean
  /** Settings of the product's config.json. */
  readonly config?: Partial<ConfigGiven>
  /** By default: whether this process is root. */
  readonly asRoot?: boolean
  readonly onProgress?: (doing: string) => void
}

const POLL_MS = 50
const READY_LIMIT_MS = 120_000

export async function startLab(options: StartOptions): Promise<Lab> {
  const paths = labPaths(options.dir)
  if (!Number.isInteger(options.hosts) || options.hosts < 1 || options.hosts > HOSTS_MAX) {
    throw new BadRequest(`a lab has 1 to ${HOSTS_MAX} hosts, not ${options.hosts}`)
  }
  const asRoot = options.asRoot ?? process.geteuid?.() === 0
  const inTheWay = obstacles(asRoot, options.bmc ?? false)
  if (inTheWay.length > 0) throw new BadRequest(`this machine cannot run a lab yet:\n  ${inTheWay.join('\n  ')}`)
  const settings = decide(options, asRoot)
  occupy(paths, settings)
  const ended = startRack(paths, settings, asRoot)
  const lab = new Lab(paths, settings)
  try {
    await ready(paths, ended, options.onProgress ?? (() => undefined))
    if (existsSync(join(settings.labBin, 'xapi.js'))) {
      await Promise.all(lab.hosts.map(({ xapiSocket }) => accepts(xapiSocket)))
      await poolReady(lab.hosts, READY_LIMIT_MS)
      if (!settings.isBare) await Promise.all(lab.hosts.map(({ name }) => servicesReady(paths.host(name).root)))
    }
  } catch (error) {
    const logs = tails(paths, settings)
    await removeLab(paths)
    throw new Error(`the lab did not start: ${error instanceof Error ? error.message : String(error)}\n${logs}`, { cause: error })
  }
  return lab
}

/** The end of each log, since the directory goes. */
function tails(paths: LabPaths, settings: LabSettings): string {
  const folders = settings.pool.hosts.map(({ name }) => paths.host(name).log).filter((folder) => existsSync(folder))
  const files = [paths.log, ...folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))]
  return files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8').trim().split('\n').slice(-20).join('\n'))
    .filter((text) => text !== '')
    .join('\n')
}

function decide(options: StartOptions, asRoot: boolean): LabSettings {
  const labBin = resolve(options.labBin ?? builtFolder())
  const beside = (path: string): string | null => {
    const found = resolve(labBin, path)
    return options.product !== false && existsSync(found) ? found : null
  }
  return {
    format: 1,
    userNamespace: !asRoot,
    pool: describePool(options.hosts, options.times ?? {}),
    labBin,
    witness: beside('../dom0/holdfast-witness') ?? beside('../dom0/holdfast-witness.js'),
    isBare: options.setUp === false,
    installer: beside('../dom0/holdfastd') === null ? null : beside('../../packaging/install.sh'),
    guest: options.guest ?? null,
    bmc: options.bmc ?? false,
    alternate: options.alternate ?? false,
    config: options.config ?? {},
  }
}

function builtFolder(): string {
  const candidates = [__dirname, join(__dirname, '..', '..', '..', 'dist', 'lab')]
  const found = candidates.find((folder) => existsSync(join(folder, 'rack.js')))
  if (found === undefined) throw new BadRequest('the lab is not built; run: npm run build')
  return found
}

/** Takes the directory, or says why it cannot be taken. */
function occupy(paths: LabPaths, settings: LabSettings): void {
  mkdirSync(dirname(paths.dir), { recursive: true })
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 })
  if (existsSync(paths.marker)) {
    const init = initOf(paths)
    throw new BadRequest(
      init !== null && isAlive(init)
        ? `a lab runs at ${paths.dir} already; end it: holdfast lab down, or choose another --dir`
        : `${paths.dir} has the leftovers of a lab that crashed; clean up with: holdfast lab down`,
    )
  }
  if (readdirSync(paths.dir).length > 0) throw new BadRequest(`${paths.dir} is not empty and not a lab; choose another --dir`)
  try {
    writeFileSync(paths.marker, `${JSON.stringify(settings, null, 2)}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw new BadRequest(`another lab is being made at ${paths.dir}`)
    throw error
  }
}

/** The init writes down who it is before anything else, so that `down` finds it after any crash of ours. */
const INIT = [
  'started() { echo "$1 ${22}"; }',
  'read -r stat < /proc/self/stat',
  'started $stat > "$0" || exit 1',
  '[ -e "$1" ] || exit 1',
  'shift',
  '"$@" & wait $!',
].join('\n')

/** Tells whether it has ended: a kernel that refuses the namespaces ends it at once, before there is an init. */
function startRack(paths: LabPaths, settings: LabSettings, asRoot: boolean): () => boolean {
  const log = openSync(paths.log, 'a', 0o600)
  const user = asRoot ? [] : ['--user', '--map-root-user']
  const rack = [process.execPath, join(settings.labBin, 'rack.js'), paths.dir]
  const child = spawn(
    'unshare',
    [...user, '--pid', '--net', '--mount', '--ipc', '--fork', 'sh', '-c', INIT, paths.init, paths.marker, ...rack],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      env: { PATH: SEARCH_PATH },
    },
  )
  closeSync(log)
  let ended = false
  child.once('exit', () => (ended = true))
  child.unref()
  return () => ended
}

async function ready(paths: LabPaths, ended: () => boolean, onProgress: (doing: string) => void): Promise<void> {
  let last = ''
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS; waitedMs += POLL_MS) {
    const status = await answer(paths)
    if (status?.phase === 'ready') return
    if (status !== null && status.doing !== last) onProgress((last = status.doing))
    const init = initOf(paths)
    if (ended() || (init !== null && !isAlive(init))) throw new Error('its rack ended')
    await pause(POLL_MS)
  }
  throw new Error(`not ready after ${READY_LIMIT_MS / 1000} s`)
}

async function answer(paths: LabPaths): Promise<LabStatus | null> {
  try {
    return await askRack(paths.control, 'status', {})
  } catch (error) {
    if (error instanceof NoRack) return null
    throw error
  }
}

/** A host whose storage service does not listen yet would leave its part of a new SR unplugged. */
async function servicesReady(root: string): Promise<void> {
  if (existsSync(join(root, 'etc/systemd/system/holdfastd.service'))) await accepts(join(root, 'run/holdfast/daemon.sock'))
}

/** Waits until somebody accepts connections there. */
async function accepts(socketPath: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS; waitedMs += POLL_MS) {
    const connected = await new Promise<boolean>((settle) => {
      const socket = createConnection(socketPath, () => {
        socket.destroy()
        settle(true)
      })
      socket.once('error', () => settle(false))
    })
    if (connected) return
    await pause(POLL_MS)
  }
  throw new Error(`nobody listens at ${socketPath}`)
}
