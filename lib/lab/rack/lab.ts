/** A lab as its user holds it: commands, tests and the demo act through this, from outside. */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { runXe, type XeResult } from '../xe/run-xe'
import { BadRequest, type Fault } from '../faults/fault'
import { SEARCH_PATH } from './checks'
import type { LabStatus } from './control'
import { askRack, NoRack } from './control-client'
import { removeLab } from './down'
import { labPaths, type LabPaths } from './paths'
import { enterPlace } from './place'
import { readSettings, type LabSettings } from './settings'

export interface LabHost {
  readonly name: string
  readonly uuid: string
  readonly address: string
  readonly xapiSocket: string
}

export interface Outcome {
  /** null: ended by a signal */
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Lab {
  readonly dir: string
  readonly hosts: readonly LabHost[]

  constructor(
    readonly paths: LabPaths,
    readonly settings: LabSettings,
  ) {
    this.dir = paths.dir
    this.hosts = settings.pool.hosts.map(({ name, uuid, address }) => ({
      name,
      uuid,
      address,
      xapiSocket: paths.host(name).xapiSocket,
    }))
  }

  status(): Promise<LabStatus> {
    return askRack(this.paths.control, 'status', {})
  }

  /** In effect when it resolves. @returns a sentence for people */
  async fault(fault: Fault): Promise<string> {
    return (await askRack(this.paths.control, 'fault', { ...fault })).text
  }

  async undo(fault: Fault): Promise<string> {
    return (await askRack(this.paths.control, 'undo', { ...fault })).text
  }

  async boot(host: string): Promise<void> {
    await this.undo({ kind: 'host', host })
  }

  /** Every process of the host killed at once; resolves when none is left. */
  async powerOff(host: string): Promise<void> {
    await this.fault({ kind: 'host', host })
  }

  /**
   * A process in a place: a host's name, `client`, `witness` or `alternate` (these see the machine's files). It dies with the place, with
   * the lab, and with the process that called; kill() of what is returned kills it too.
   */
  async spawnIn(place: string, argv: readonly string[], stdio: StdioOptions = 'inherit'): Promise<ChildProcess> {
    const { hosts, client, witnesses } = await this.status()
    const places = [...hosts, client, ...witnesses]
    const found = places.find(({ name }) => name === place)
    if (found === undefined)
      throw new BadRequest(`no place ${place}; choose one of: ${places.map(({ name }) => name).join(', ')}`)
    if (found.initPid === null) throw new BadRequest(`${place} is off`)
    const [command, ...args] = enterPlace(found.initPid, this.settings.userNamespace, argv)
    return spawn(command ?? '', args, { stdio, env: hosts.some(({ name }) => name === place) ? hostEnvironment() : process.env })
  }

  /** Runs a command to its end. @param input its standard input */
  async exec(place: string, argv: readonly string[], input = ''): Promise<Outcome> {
    const child = await this.spawnIn(place, argv, ['pipe', 'pipe', 'pipe'])
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
    child.stdin?.on('error', ignoreBrokenPipe).end(input)
    const exit = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    return { exit, stdout: stdout(), stderr: stderr() }
  }

  /** xe as typed on a host; by default on the first one that has power. */
  async xe(argv: readonly string[], host?: string): Promise<XeResult> {
    const { hosts } = await this.status()
    const found = hosts.find(({ name, power }) => (host === undefined ? power === 'on' : name === host))
    if (found === undefined && host !== undefined) {
      throw new BadRequest(`no host ${host}; choose one of: ${hosts.map(({ name }) => name).join(', ')}`)
    }
    if (found?.power !== 'on') throw new BadRequest(host === undefined ? 'every host is off' : `${host} is off`)
    return runXe([...argv], found.xapiSocket)
  }

  /** Kills everything of the lab and removes its directory. */
  async down(): Promise<void> {
    await removeLab(this.paths)
  }
}

/** The lab that runs in that directory. */
export async function openLab(dir: string): Promise<Lab> {
  const paths = labPaths(dir)
  const settings = readSettings(paths.marker)
  if (settings === null) throw new BadRequest(`no lab at ${paths.dir}; make one: holdfast lab up`)
  const lab = new Lab(paths, settings)
  try {
    await lab.status()
  } catch (error) {
    if (error instanceof NoRack) throw new BadRequest(`the lab at ${paths.dir} is not running; clean up with: holdfast lab down`)
    throw error
  }
  return lab
}

/** A host is another machine: nothing of ours goes there but the kind of terminal. */
function hostEnvironment(): NodeJS.ProcessEnv {
  return { PATH: SEARCH_PATH, HOME: '/root', LANG: 'C.UTF-8', TERM: process.env['TERM'] ?? 'dumb' }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

/** A command that does not read all of its input is none of our business. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
