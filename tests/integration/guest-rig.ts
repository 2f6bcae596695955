/** A network and process namespace with a bridge, and agents in it; closing it takes every process and file along. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import type { DomainEnd } from '../../lib/lab/contract'
import type { AgentMethods } from './guest-agent'

const LIMIT_MS = 60_000
const ROOT = join(__dirname, '../..')

export interface GuestEnd {
  readonly domid: number
  readonly vmUuid: string
  readonly end: DomainEnd
}

/** Waits until the condition holds; says what it waited for when it never does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end;) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`waited ${LIMIT_MS} ms in vain: ${what}`)
}

export const exited = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', resolve)
  })

export class GuestRig {
  readonly directory = mkdtempSync('/tmp/guest-')
  readonly memory = mkdtempSync('/dev/shm/guest-')
  readonly #children: ChildProcess[] = []
  #inside: string[] = []

  path(name: string): string {
    return join(this.directory, name)
  }

  async open(): Promise<void> {
    for (const [name, entry] of [
      ['agent.js', 'tests/integration/guest-agent.ts'],
      ['client.js', 'plugin/lab/client.ts'],
    ] as const) {
      const options = { bundle: true, platform: 'node', target: 'node20', logLevel: 'silent' } as const
      await build({ ...options, entryPoints: [join(ROOT, entry)], outfile: this.path(name) })
    }
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const wires = 'ip link set lo up; ip link add br0 type bridge; ip addr add 10.77.3.250/24 dev br0; ip link set br0 up'
    // The first process reads until this one is gone, however it goes.
    const holder = this.#start('unshare', [
      ...user,
      ...['--net', '--pid', '--mount-proc', '--fork', '--kill-child', 'sh', '-c', `${wires}; echo up; exec cat`],
    ])
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.once('data', resolve)
      holder.once('exit', (code) => reject(new Error(`no namespace: exit ${code ?? '?'}`)))
    })
    const init = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim()
    const users = user.length > 0 ? ['--user', '--preserve-credentials'] : []
    this.#inside = ['nsenter', '--target', init, ...users, '--net', '--pid', '--mount']
  }

  /** A process in the namespaces. */
  spawn(...argv: string[]): ChildProcess {
    const [nsenter = '', ...rest] = this.#inside
    return this.#start(nsenter, [...rest, ...argv])
  }

  async output(...argv: string[]): Promise<{ exit: number | null; stdout: string }> {
    const child = this.spawn(...argv)
    let stdout = ''
    child.stdout?.on('data', (data: Buffer) => (stdout += data.toString('utf8')))
    return { exit: await exited(child), stdout }
  }

  agent(): Agent {
    return new Agent(this.spawn(process.execPath, this.path('agent.js'), this.path('state'), this.path('sockets'), this.memory))
  }

  /** nsenter's child is the process meant: nsenter itself passes no signals on. */
  async signal(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    const meant = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    process.kill(Number(meant), signal)
    await exited(child)
  }

  /** A program of the machine, outside the namespaces. */
  outside(program: string, ...args: string[]): ChildProcess {
    return this.#start(program, args)
  }

  /** Types a line on the guest's console. */
  type(domid: number, line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.path(`state/${domid}/console.sock`), () => socket.end(`${line}\n`))
      socket.once('error', reject)
      socket.once('close', () => resolve())
      socket.resume()
    })
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#children.map(exited))
    for (const folder of [this.directory, this.memory]) rmSync(folder, { recursive: true, force: true })
  }

  #start(program: string, args: readonly string[]): ChildProcess {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#children.push(child)
    return child
  }
}

/** One toolstack process. Calls are answered in turn. */
export class Agent {
  readonly ends: GuestEnd[] = []
  #last: Promise<unknown> = Promise.resolve()
  #answer: ((message: { ok?: unknown; error?: string }) => void) | null = null

  constructor(readonly child: ChildProcess) {
    if (child.stdout === null) throw new Error('the agent has no standard output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as { end?: GuestEnd; ok?: unknown; error?: string }
      if (message.end !== undefined) this.ends.push(message.end)
      else this.#answer?.(message)
    })
    child.once('exit', () => this.#answer?.({ error: 'the agent is gone' }))
  }

  call<M extends keyof AgentMethods>(method: M, ...args: Parameters<AgentMethods[M]>): ReturnType<AgentMethods[M]> {
    const answer = this.#last.then(
      () =>
        new Promise((resolve, reject) => {
          this.#answer = ({ ok, error }) => (error === undefined ? resolve(ok) : reject(new Error(error)))
          if (this.child.exitCode !== null || this.child.signalCode !== null) reject(new Error('the agent is gone'))
          this.child.stdin?.write(`${JSON.stringify([method, ...args])}\n`)
        }),
    )
    this.#last = answer.catch(() => undefined)
    return answer as ReturnType<AgentMethods[M]>
  }
}
