import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkerStatus } from '../../../lib/wire/worker-api'
import { Child, runToEnd } from '../child'
import { copyTemplate } from './places'
import type { BenchDisk, Setting, Subject, SubjectKind } from './subject'

/** Executables as they were built when the run began: a build meanwhile must not change what is measured. */
export interface Executables {
  readonly holdfast: string
  readonly witness: string
  /** Whether the workers find the addon, which does their file I/O where it could be built. */
  readonly addon: boolean
}

/** @param built where `npm run build` has left them */
export function keepExecutables(built: string, folder: string, withAddon: boolean): Executables {
  for (const name of ['holdfast', 'holdfast-worker', 'holdfast-witness']) {
    cpSync(join(built, 'dom0', name), join(folder, 'dom0', name))
  }
  const lib = join(built, 'lib')
  const addon = withAddon && existsSync(lib)
  if (addon) cpSync(lib, join(folder, 'lib'), { recursive: true })
  return { holdfast: join(folder, 'dom0/holdfast'), witness: join(folder, 'dom0/holdfast-witness'), addon }
}

/** `holdfast mirror serve` on both sides, the link over loopback TCP, and a witness. */
export const holdfast = (executables: Executables): SubjectKind => ({
  name: 'holdfast',
  text: `two stand-alone sides (${executables.addon ? 'with the addon' : 'plain Node'}), the link over loopback TCP, and a witness`,
  part: 'mirror',
  unable: () => null,
  start: async (setting, disk) => {
    const pair = new Pair(executables, setting, disk)
    try {
      return await pair.start()
    } catch (error) {
      await pair.stop()
      throw error
    }
  },
})

const NAME = 'bench'
/** The first copy of the whole disk to the secondary. */
const RESYNC_LIMIT_MS = 600_000
let addresses = 0

class Pair {
  readonly #children: Child[] = []
  /** Loopback addresses of this process alone, so that any port is free on them. */
  readonly #links = { a: nextAddress(), b: nextAddress() }

  constructor(
    private readonly executables: Executables,
    private readonly setting: Setting,
    private readonly disk: BenchDisk,
  ) {}

  async start(): Promise<Subject> {
    writeFileSync(this.#at('pool.key'), randomBytes(32).toString('hex'), { mode: 0o600 })
    const witness = await this.#startWitness()
    for (const side of ['a', 'b']) mkdirSync(this.#at(side))
    await copyTemplate({ ...this.disk, folder: this.#at('a') }, 'disk.raw')
    const secondary = this.#serve('b', witness, ['--size', String(this.disk.sizeBytes)])
    const primary = this.#serve('a', witness, ['--create'])
    await primary.until('mirrored', () => this.#isMirrored(), RESYNC_LIMIT_MS)
    return {
      uri: `nbd+unix:///${NAME}?socket=${this.#at('a/n.sock')}`,
      processes: [
        { name: 'primary', pid: workerOf(primary.pid) },
        { name: 'secondary', pid: workerOf(secondary.pid) },
        ...this.#children.map(({ name, pid }) => ({ name, pid })),
      ],
      copies: [this.#at('a/disk.raw'), this.#at('b/disk.raw')],
      stop: () => this.stop(),
    }
  }

  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) await child.stop()
  }

  async #startWitness(): Promise<string> {
    const where = ['--listen', '127.0.0.1:0', '--data', this.#at('claims'), '--key', this.#at('pool.key')]
    const witness = this.#child('witness', [this.executables.witness, ...where])
    const port = await witness.until('serving', () => Promise.resolve(/serving .*"port":(\d+)/.exec(witness.log)?.[1] ?? null))
    return `127.0.0.1:${port}`
  }

  #serve(side: 'a' | 'b', witness: string, begin: readonly string[]): Child {
    const other = side === 'a' ? 'b' : 'a'
    return this.#child(side === 'a' ? 'primary supervisor' : 'secondary supervisor', [
      ...[this.executables.holdfast, 'mirror', 'serve', '--name', NAME, '--host', side, '--folder', this.#at(side)],
      ...['--replica', `file:${this.#at(`${side}/disk.raw`)}`, '--listen', `unix:${this.#at(`${side}/n.sock`)}`],
      ...['--witness', witness, '--key', this.#at('pool.key'), ...begin, ...(this.setting.tls ? [] : ['--plain'])],
      ...['--link', this.#links[side], '--peer', `${other}=${this.#links[other]}`],
    ])
  }

  #child(name: string, args: readonly string[]): Child {
    const child = new Child(name, [process.execPath, ...args], { log: this.#at(`${name.replaceAll(' ', '-')}.log`) })
    this.#children.push(child)
    return child
  }

  /** Both copies are up-to-date and the disk is served. */
  async #isMirrored(): Promise<true | null> {
    const asked = [this.executables.holdfast, 'mirror', 'status', '--folder', this.#at('a'), '--json']
    const answer = await runToEnd(process.execPath, asked).catch(() => null)
    if (answer === null) return null
    const { worker } = JSON.parse(answer) as { worker: WorkerStatus }
    const upToDate = Object.values(worker.claim?.claim.upToDate ?? {}).flat()
    return worker.degraded === '' && upToDate.length === 2 && worker.guestActive ? true : null
  }

  #at(name: string): string {
    return join(this.disk.folder, name)
  }
}

function nextAddress(): string {
  return `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}.${++addresses}:7801`
}

/** The supervisor's worker: who keeps it running starts nothing else. */
function workerOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((child) => child !== '')
  const [child, ...others] = children
  if (others.length > 0) throw new Error(`process ${pid} has not one child but ${children.join(', ')}`)
  return child === undefined ? pid : workerOf(Number(child))
}
