import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { INTERVAL_MAX_KEY, INTERVAL_MIN_KEY } from '../../../lib/core/policy/lockstep-settings'
import { isRedundant, statusOn, timelineOn } from '../../../lib/lab/demo/operator'
import { makeVm, setStage, startVmOn, until, VM_ADDRESS, type Stage } from '../../../lib/lab/demo/stage'
import { isInLockstep, lockstepOf } from '../../../lib/lab/lockstep/scene'
import type { EpochsSeen, LockstepSubject, Resumed } from './subject'

const NAME = 'orders'
const DISK_BYTES = 128 * 1024 * 1024
const LIMIT_MS = 180_000
const PRIMARY = 'h2'
const SURVIVOR = 'h1'
const PORTS = ['6379', '7000']

const KNOCK = `
const [host, ...ports] = process.argv.slice(1)
setTimeout(() => process.exit(1), 1000)
let open = 0
for (const port of ports) require('net').connect(port, host, () => ++open === ports.length && process.exit(0)).on('error', () => process.exit(1))
`

/** The product in a lab: two hosts, a witness, a guest whose disk is in the Holdfast SR. */
export async function productSubject(say: (text: string) => void): Promise<LockstepSubject> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-'))
  let stage: Stage | null = null
  try {
    stage = await setStage({ dir: join(folder, 'lab'), labBin: join(dirname(__dirname), 'lab'), onProgress: say })
    const { vm, vmUuid } = await makeVm(stage, NAME, DISK_BYTES)
    await startVmOn(stage, vm, PRIMARY)
    const subject = new ProductSubject(stage, vmUuid, folder)
    await subject.listens()
    return subject
  } catch (error) {
    await stage?.lab.down()
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

class ProductSubject implements LockstepSubject {
  readonly description = 'the product on two hosts of the lab with a witness; the guest has a disk in the Holdfast SR'
  readonly address = VM_ADDRESS
  readonly hasDisk = true
  #isProtected = false

  constructor(
    private readonly stage: Stage,
    private readonly vm: string,
    private readonly folder: string,
  ) {}

  async listens(): Promise<void> {
    const knock = [process.execPath, '-e', KNOCK, this.address, ...PORTS]
    await until('the guest listens', LIMIT_MS, async () => (await this.stage.lab.exec('client', knock)).exit === 0)
  }

  /** By way of a lower level: a run of lockstep keeps the pace that it began with. */
  async dial(epochMs: number | null): Promise<void> {
    if (epochMs === null) {
      if (this.#isProtected) await this.#holdfast('unprotect', NAME)
      this.#isProtected = false
      return
    }
    if (this.#isProtected) await this.#holdfast('protect', NAME, '--level', 'redirect', '--wait')
    for (const key of [INTERVAL_MIN_KEY, INTERVAL_MAX_KEY])
      await this.stage.lab.xe(['vm-param-set', `uuid=${this.vm}`, `other-config:${key}=${epochMs}`])
    this.#isProtected = true
    await this.#holdfast('protect', NAME, '--level', 'lockstep', '--wait')
    await until('the VM is in lockstep', LIMIT_MS, async () => {
      const status = await statusOn(this.stage.lab, PRIMARY, this.vm)
      return status !== null && isRedundant(status) && isInLockstep(status)
    })
  }

  async epochs(): Promise<EpochsSeen> {
    const status = await statusOn(this.stage.lab, PRIMARY, this.vm)
    const seen = status === null ? null : lockstepOf(status)
    if (seen === null) throw new Error('the VM is not in lockstep')
    return seen
  }

  inClient(script: string, args: readonly string[]): Promise<ChildProcess> {
    return this.stage.lab.spawnIn('client', [process.execPath, '-e', script, ...args], ['pipe', 'pipe', 'pipe'])
  }

  async loseHost(): Promise<Resumed> {
    const { lab } = this.stage
    const lostMs = Date.now()
    await lab.fault({ kind: 'host', host: PRIMARY })
    await until(`XAPI shows the VM on ${SURVIVOR}`, LIMIT_MS, async () => {
      return (await statusOn(lab, SURVIVOR, this.vm))?.residentOn === SURVIVOR
    })
    const entries = await timelineOn(lab, SURVIVOR)
    const first = (...acts: readonly string[]): number | null => {
      const times = entries.filter(({ act }) => acts.includes(act)).map(({ at }) => Date.parse(at) - lostMs)
      const after = times.filter((ms) => ms >= 0)
      return after.length === 0 ? null : Math.min(...after)
    }
    const [taken, goesOn] = [first('claim-swapped', 'claim-taken'), first('guest-went-on', 'vm-goes-on')]
    return { detectionMs: first('host-suspected'), resumeMs: taken === null || goesOn === null ? null : goesOn - taken }
  }

  async end(): Promise<void> {
    await this.stage.lab.down()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #holdfast(...words: readonly string[]): Promise<void> {
    const { exit, stdout, stderr } = await this.stage.lab.exec(PRIMARY, ['/usr/local/sbin/holdfast', ...words])
    if (exit !== 0) throw new Error(`holdfast ${words.join(' ')}: ${stderr}${stdout}`)
  }
}
