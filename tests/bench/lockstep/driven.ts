import type { ChildProcess } from 'node:child_process'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureGuestImage } from '../../../lib/lab/guest/image/image'
import type { Lab } from '../../../lib/lab/rack/lab'
import { startLab } from '../../../lib/lab/rack/up'
import { createDisklessVm } from '../../../lib/lab/seed/guest-vm'
import { LocalApi } from '../../../lib/lab/seed/local-api'
import type { EpochsSeen, LockstepSubject, Resumed } from './subject'

const ADDRESS = '10.77.3.10'
const STANDBY_ADDRESS = '10.77.1.2'
const LIMIT_MS = 120_000
const AGENT = 'lockstep-agent.js'
const DIST = dirname(__dirname)

type Ask = (...words: string[]) => Promise<unknown>

/** Lockstep's drivers in one process on each of two hosts of a lab, TLS between them, and a guest without a disk. */
export async function drivenSubject(say: (text: string) => void): Promise<LockstepSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-'))
  const labBin = join(folder, 'bin', 'lab')
  cpSync(join(DIST, 'lab'), labBin, { recursive: true })
  copyFileSync(join(DIST, 'bench', AGENT), join(labBin, AGENT))
  for (const addon of readdirSync(join(DIST, 'lib'))) copyFileSync(join(DIST, 'lib', addon), join(labBin, addon))
  try {
    const guest = (await ensureGuestImage()).directory
    const lab = await startLab({ dir: join(folder, 'lab'), hosts: 2, labBin, product: false, guest, onProgress: say })
    const subject = new DrivenSubject(lab, folder)
    try {
      await subject.start(say)
      return subject
    } catch (error) {
      await subject.end()
      throw error
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

class DrivenSubject implements LockstepSubject {
  readonly description =
    "lockstep's drivers in one process on each of two hosts of the lab, TLS between them; the guest has no disk"
  readonly address = ADDRESS
  readonly hasDisk = false
  readonly #agents: ChildProcess[] = []
  #primary: Ask = () => Promise.reject(new Error('no primary'))
  #standby: Ask = () => Promise.reject(new Error('no standby'))
  #isDialled = false

  constructor(
    private readonly lab: Lab,
    private readonly folder: string,
  ) {}

  async start(say: (text: string) => void): Promise<void> {
    const [h1] = this.lab.hosts
    const api = await LocalApi.login(h1?.xapiSocket ?? '', LIMIT_MS)
    const vm = await createDisklessVm(api, { name: 'orders', address: `${ADDRESS}/24` })
    const uuid = await api.ref('VM.get_uuid', vm)
    await api.call('VM.start_on', vm, await api.ref('host.get_by_uuid', h1?.uuid ?? ''), false, false)
    const domid = String(Number(await api.call('VM.get_domid', vm)))
    await api.logout()
    say('the guest starts')
    await this.#answers()
    this.#standby = await this.#agentOn('h2')
    await this.#standby('listen', STANDBY_ADDRESS, uuid)
    this.#primary = await this.#agentOn('h1')
    await this.#primary('watch', STANDBY_ADDRESS, uuid, domid)
  }

  async dial(epochMs: number | null): Promise<void> {
    if (this.#isDialled) await this.#primary('leave')
    this.#isDialled = epochMs !== null
    if (epochMs !== null) await this.#standby('claim', String(await this.#primary('begin', String(epochMs))))
  }

  async epochs(): Promise<EpochsSeen> {
    return (await this.#primary('status')) as EpochsSeen
  }

  inClient(script: string, args: readonly string[]): Promise<ChildProcess> {
    return this.lab.spawnIn('client', [process.execPath, '-e', script, ...args], ['pipe', 'pipe', 'pipe'])
  }

  async loseHost(): Promise<Resumed> {
    await this.lab.powerOff('h1')
    const { did, tookMs } = (await this.#standby('takeOver')) as { did: string; tookMs: number }
    if (did !== 'load') throw new Error(`the standby was not loaded: ${did}`)
    return { detectionMs: null, resumeMs: tookMs }
  }

  async end(): Promise<void> {
    for (const agent of this.#agents) agent.kill('SIGKILL')
    await this.lab.down()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #answers(): Promise<void> {
    const ping = `const s = require('net').connect(6379, process.argv[1], () => s.write('CONFIG SET appendonly no\\r\\n'))
      s.setTimeout(1000, () => process.exit(1)).on('error', () => process.exit(1)).on('data', () => process.exit(0))`
    for (const end = performance.now() + LIMIT_MS; performance.now() < end;) {
      if ((await this.lab.exec('client', [process.execPath, '-e', ping, ADDRESS])).exit === 0) return
      await sleep(200)
    }
    throw new Error('the guest does not answer')
  }

  async #agentOn(host: string): Promise<Ask> {
    const child = await this.lab.spawnIn(host, ['/opt/lab/bin/node', `/opt/lab/${AGENT}`], ['pipe', 'pipe', 'inherit'])
    this.#agents.push(child)
    if (child.stdout === null) throw new Error('the agent has no standard output')
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return async (...words) => {
      child.stdin?.write(`${words.join(' ')}\n`)
      const next: IteratorResult<string, unknown> = await answers.next()
      if (next.done === true) throw new Error(`the agent of ${host} is gone`)
      const answer = JSON.parse(next.value) as { ok?: unknown; error?: string }
      if (answer.error !== undefined) throw new Error(answer.error)
      return answer.ok
    }
  }
}
