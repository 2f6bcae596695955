/**
 * The hook script that a recording tells of, in the folders it names, on every host. What the script does is set before an
 * operation, from the step's name or from the failure it led to; and the machine is brought to where the recorder had it.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from '../../values'
import { XeClient } from '../../xe/client'
import type { LoopbackPool } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Step } from './recording'

const OPERATION = /^(?:Async\.)?VM\.(start|start_on|clean_shutdown|hard_shutdown|clean_reboot|hard_reboot|pause|unpause)$/u
/** Of a hook: its folder, its script, the reason, what it printed. */
const FAILURE = /"([\w-]+)\/\w+","[\w-]+","[^"]*for exit (\d+)/gu
const NEEDS: ReadonlyMap<string, string> = new Map([
  ['start', 'Halted'],
  ['start_on', 'Halted'],
  ['unpause', 'Paused'],
])

export class Hooks {
  private areInstalled = false

  constructor(
    private readonly pool: LoopbackPool,
    private readonly names: Placeholders,
  ) {}

  /** If the step is the recorder's note on its hook script. */
  install({ name, members }: Step): void {
    const { dirs, source } = members
    const script = /\bput as (\S+) in\b/u.exec(name)?.[1]
    if (!Array.isArray(dirs) || typeof source !== 'string' || script === undefined) return
    for (const host of this.pool.hosts) {
      const local = source.replaceAll(/\/(?=(?:etc|var)\/)/gu, `${host.root}/`).replaceAll('$(hostname)', host.name)
      for (const dir of dirs) {
        const file = join(host.root, 'etc/xapi.d', String(dir), script)
        mkdirSync(dirname(file), { recursive: true })
        mkdirSync(join(host.root, 'var/log'), { recursive: true })
        writeFileSync(file, local)
        chmodSync(file, 0o755)
      }
    }
    this.areInstalled = true
  }

  /** `later` are the steps from this one on. */
  async prepare(step: Step, later: readonly Step[]): Promise<void> {
    const operation = OPERATION.exec(String(step.members['method']))?.[1]
    if (!this.areInstalled || operation === undefined || isOnSlowHook(step)) return
    this.set(undefined)
    if (!JSON.stringify(step.members['response']).includes('VM_BAD_POWER_STATE')) await this.bring(step, operation)
    this.set(behaviourIn(step, later))
  }

  private set(behaviour: string | undefined): void {
    for (const { root } of this.pool.hosts) {
      const file = join(root, 'etc/golden-hook')
      if (behaviour === undefined) rmSync(file, { force: true })
      else writeFileSync(file, `${behaviour}\n`)
    }
  }

  private async bring({ name, members }: Step, operation: string): Promise<void> {
    const head = this.pool.hosts.find(({ xapi }) => xapi !== undefined)
    const { params } = members
    const { value: vm, unbound } = this.names.fill(Array.isArray(params) ? params[1] : '')
    if (head === undefined || unbound.length > 0 || typeof vm !== 'string') return
    const isAnyRunningState = name.includes('paused') || name.includes('suspended')
    const wanted = NEEDS.get(operation) ?? 'Running'
    const client = new XeClient({ socketPath: head.socketPath })
    await client.login('root', '')
    const is = text(await client.call('VM.get_power_state', vm))
    if (wanted === 'Halted' && is !== 'Halted') await client.call('VM.hard_shutdown', vm)
    if (wanted === 'Running' && is === 'Paused' && !isAnyRunningState) await client.call('VM.unpause', vm)
    if (wanted === 'Running' && is === 'Halted') {
      const host = text(await client.call('host.get_by_uuid', this.hostOf(members)))
      await client.call('VM.start_on', vm, host, false, false)
    }
    await client.logout()
  }

  /** Where the recorded hooks ran. */
  private hostOf(members: Step['members']): string {
    const { hooks_run_in_order: ran } = members
    const name = /host=(\w+)/u.exec(Array.isArray(ran) ? String(ran[0]) : '')?.[1]
    return (this.pool.hosts.find((host) => host.name === name) ?? this.pool.hosts[0])?.description.uuid ?? ''
  }
}

/** The hook of an earlier call is still running: nothing is touched. */
const isOnSlowHook = ({ name }: Step): boolean => /while .*hook|slow hook/u.test(name)

/** A line of the script's settings: the folder and what the script does there. */
function behaviourIn(step: Step, later: readonly Step[]): string | undefined {
  const named = /^(\S+) exits (\w+): /u.exec(step.name)
  if (named !== null) return `${named[1] ?? ''} ${named[2] ?? ''}`
  const sleeps = /(\S+) that sleeps (\d+) s/u.exec(step.name)
  if (sleeps !== null) return `${sleeps[1] ?? ''} sleep${sleeps[2] ?? ''}`
  if (!/\baborts|\baborting/u.test(step.name)) return undefined
  const [found] = later.flatMap(({ members }) => [...JSON.stringify(members).matchAll(FAILURE)])
  return found === undefined ? undefined : `${found[1] ?? ''} ${found[2] ?? ''}`
}
