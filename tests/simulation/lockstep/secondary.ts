import type { Outlook } from '../../../lib/core/domain/guest-memory'
import { LockstepStandby } from '../../../lib/daemon/worker/lockstep/lockstep-standby'
import type { LoadedGuest } from '../../../lib/daemon/worker/lockstep/standby-needs'
import { PAGE_BYTES } from '../../../lib/ports/changed-memory'
import type { EpochReport } from '../../../lib/wire/peer-epochs'
import type { DiskChange, Down } from './link'
import { StandbyHost } from './standby-host'
import type { World } from './world'

const LIMITS = { aside: { pressBytes: 1200, bytesMax: 8000 }, backlogMax: 1, partBytesMax: 100 * PAGE_BYTES }

/** The worker of the other host. */
export class SecondarySide {
  readonly #lockstep: LockstepStandby<DiskChange>
  readonly #standbys: StandbyHost
  readonly #disk: (() => void)[] = []
  alive = true
  sealed = false

  constructor(
    private readonly world: World,
    readonly host: number,
  ) {
    this.#standbys = new StandbyHost(world, this)
    this.#lockstep = new LockstepStandby<DiskChange>(
      {
        vm: 'vm',
        prepare: (spec) => this.#standbys.prepare(spec),
        send: (answer) => this.#send(answer),
        write: (change) => this.#write(change),
        dropped: () => world.met('dropped'),
        note: (text) => world.met(`note ${text}`),
      },
      LIMITS,
    )
  }

  outlook(claimed: number | null): Outlook {
    return this.#lockstep.outlook(claimed)
  }

  session(): void {
    this.#lockstep.session()
  }

  seal(): void {
    this.sealed = true
    this.#lockstep.seal()
  }

  unseal(): void {
    this.sealed = false
    this.#lockstep.unseal()
  }

  takeOver(claimed: number | null): void {
    const { world } = this
    world.met('taken over')
    void this.#lockstep.takeOver(claimed).then((taken) => {
      if (!this.alive) return
      if (taken.did === 'load') void this.#goesOn(taken)
      if (taken.did === 'restart') world.restarted(this.host)
      else if (taken.did === 'cannot') world.breaks('take-over', taken.why)
    })
  }

  async #goesOn({ goOn }: LoadedGuest): Promise<void> {
    const error = await goOn(() => undefined)
    if (error !== '' && this.alive) this.world.breaks('take-over', error)
  }

  hears(frame: Down): void {
    this.world.moment(this, `hears ${frame.type}`)
    if (!this.alive) return
    if (frame.type === 'change') this.#lockstep.change(frame.change, 1)
    else this.#lockstep.frame(frame)
  }

  /** Something that was begun is done: the replica's writes one by one. */
  work(): void {
    const isDisk = this.#disk.length > 0 && this.world.dice.chance(this.world.diskFirst)
    if (isDisk) this.#disk.shift()?.()
    else if (!this.world.isTroubled || this.world.dice.chance(this.world.standbyPace)) this.#standbys.work()
  }

  #send(answer: EpochReport): void {
    if (!this.alive) return
    this.world.moment(this, `sends ${answer.type}`)
    this.world.sendUp(answer)
  }

  #write(change: DiskChange): Promise<string> {
    return new Promise((resolve) => this.#disk.push(() => this.#written(change, resolve)))
  }

  #written(change: DiskChange, resolve: (error: string) => void): void {
    const { world } = this
    const fails = world.moment(this, 'writes') || (!this.sealed && world.fault('disk', 0.003))
    if (!this.alive) return
    if (fails && !this.sealed) {
      world.isUnfit = true
      resolve('EIO')
      world.lose()
      return
    }
    const disk = world.diskOf(this.host)
    if ('all' in change) disk.splice(0, disk.length, ...change.all)
    else disk[change.cell] = change.step
    if ('all' in change) world.isUnfit = false
    world.sendUp({ type: 'done', seq: change.seq })
    resolve('')
  }
}
