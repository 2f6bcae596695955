/**
 * A place of the lab (a host, the witness, the client): processes, network and mounts of its own, held by one init process.
 * Killing the init kills every process of the place in one stroke; the kernel does it, nothing can escape.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { carrierBatch, configureLines, plugBatch, unplugBatch } from '../net/script'
import type { Wire } from '../net/plan'
import { ipBatch } from './ip'
import { isErrno } from './process'
import { SEARCH_PATH } from './checks'

/** The init's numbers: as the machine (and every command outside) sees it, and as the rack's own kill(2) does. */
export interface InitPids {
  readonly machine: number
  readonly rack: number
}

export interface PlaceOptions {
  readonly name: string
  readonly wires: readonly Wire[]
  readonly isDown: (wire: Wire) => boolean
  /** Shell lines run in the new namespaces after the network is up. */
  readonly mounts: readonly string[]
  /** Where to write the init's script. */
  readonly script: string
  readonly log: string
}

/** The init reaps what it inherits: a shell's `wait` takes every child that ends. */
const REAP = ['exec </dev/null >/dev/null 2>&1', 'while :; do sleep 1000000 & wait $!; done']

export class Place {
  #isOver = false

  private constructor(
    readonly options: PlaceOptions,
    readonly init: InitPids,
    /** Resolves when the last process of the place is gone. */
    readonly ended: Promise<unknown>,
  ) {
    void ended.then(() => (this.#isOver = true))
  }

  /** Resolves when the place's network and file systems are there. */
  static async start(options: PlaceOptions): Promise<Place> {
    writeFileSync(options.script, script(options))
    const log = openSync(options.log, 'a')
    const child = spawn('unshare', ['--pid', '--net', '--mount', '--uts', '--ipc', '--fork', 'sh', options.script], {
      stdio: ['pipe', 'pipe', log],
      env: { PATH: SEARCH_PATH },
    })
    closeSync(log)
    const ended = once(child, 'exit')
    const said = answers(child, options)
    const init = parsePids(await said('pids'))
    try {
      await ipBatch(plugBatch(options.wires, init.rack, options.isDown))
      child.stdin?.write('go\n')
      await said('ready')
    } catch (error) {
      killInit(init)
      throw error
    }
    child.stdin?.destroy()
    child.stdout?.destroy()
    return new Place(options, init, ended)
  }

  /** Power off. The wires go first, so that nothing the dying processes' sockets say is heard outside. */
  async kill(): Promise<void> {
    if (!this.#isOver) await ipBatch(carrierBatch(this.options.wires, 'down'))
    killInit(this.init)
  }

  /** Once the place has ended: the kernel takes its wires away a moment later, this does it now. */
  async unplug(): Promise<void> {
    await ipBatch(unplugBatch(this.options.wires), 'Cannot find device')
  }

  /** A shell line inside the place. */
  async run(line: string): Promise<void> {
    const [command, ...args] = this.enter(['sh', '-c', line])
    const child = spawn(command ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const complaints: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`${this.options.name}: ${line}: ${Buffer.concat(complaints).toString().trim()}`)
  }

  /** Arguments that put a command into the place. It dies with whoever called it. */
  enter(argv: readonly string[]): string[] {
    return enterPlace(this.init.machine, false, argv)
  }
}

function killInit({ rack }: InitPids): void {
  try {
    process.kill(rack, 'SIGKILL')
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

/** @param userNamespace enter the lab's user namespace too (from outside, as the ordinary user who made it) */
export function enterPlace(machinePid: number, userNamespace: boolean, argv: readonly string[]): string[] {
  const spaces = ['--pid', '--net', '--mount', '--uts', '--ipc', '--root', '--wd']
  const user = userNamespace ? ['--user', '--preserve-credentials'] : []
  return ['nsenter', '--target', String(machinePid), ...user, ...spaces, '--', 'setpriv', '--pdeathsig', 'KILL', '--', ...argv]
}

function script({ name, wires, isDown, mounts }: PlaceOptions): string {
  return [
    'set -e',
    'while read -r key value; do if [ "$key" = NSpid: ]; then echo "pids $value"; fi; done < /proc/self/status',
    'read -r go',
    `hostname ${name}`,
    ...configureLines(wires, isDown),
    ...mounts,
    'echo ready',
    ...REAP,
  ].join('\n')
}

/** @returns a function that waits for the line beginning with a word and gives the rest of it */
function answers(child: ChildProcess, { name, log }: PlaceOptions): (word: string) => Promise<string> {
  if (child.stdout === null) throw new Error('the place has no output')
  const lines: Interface = createInterface({ input: child.stdout })
  const queue = lines[Symbol.asyncIterator]()
  return async (word) => {
    const next = await queue.next()
    if (next.done === true) throw new Error(`${name} did not start; see ${log}`)
    if (!next.value.startsWith(word)) throw new Error(`${name} said "${next.value}" instead of "${word}"`)
    return next.value.slice(word.length).trim()
  }
}

/** NSpid: the pid in each namespace from that of /proc inwards; the last two are the rack's and the place's own. */
function parsePids(text: string): InitPids {
  const pids = text.split(/\s+/).map(Number)
  const [machine, rack] = [pids.at(0), pids.at(-2)]
  if (machine === undefined || rack === undefined || pids.some(Number.isNaN)) throw new Error(`not pids: ${text}`)
  return { machine, rack }
}
