import { type HostName, HOSTS, UUIDS } from './names'
import { Guest } from './guest'
import type { World } from './world'

const LOOK_EVERY_MS = 30
const BOOT_MS = 60
const GIVE_UP_AFTER_MS = 3000

/** What starts and stops the VM: it wants it on one host, and starts it where the disk is served. */
export class Toolstack {
  /** Null: halted. */
  wantedOn: HostName | null = 'a'
  /** The halted VM is to be started there. */
  movingTo: HostName | null = null
  #guests = 0
  #booting = false
  /** A shutdown, a start elsewhere. */
  isBusy = false

  constructor(private readonly world: World) {}

  look(): void {
    this.world.schedule.after(LOOK_EVERY_MS, () => this.look())
    const holder = this.#holder
    if (this.movingTo !== null && holder === this.movingTo) {
      this.wantedOn = holder
      this.movingTo = null
      this.isBusy = false
      // Its worker may have been started anew meanwhile, and not serve yet.
      if (this.world.hosts[holder].worker?.primary === null) this.world.hosts[holder].reconsider()
      this.world.probe('moved')
    }
    if (this.wantedOn !== null && holder !== this.wantedOn) this.wantedOn = holder
    for (const name of HOSTS) this.#lookAt(name)
  }

  /** Shuts the VM down, and starts it again here or there. */
  stop(startOn: 'there' | 'elsewhere', guest = this.world.guest): void {
    if (guest === null || this.isBusy) return
    const { host } = guest
    this.isBusy = true
    let over = false
    guest.stop(() => {
      over = true
      this.world.probe('shut down')
      this.wantedOn = null
      host.reconsider()
      this.world.schedule.after(this.world.dice.fraction() * 800, () => this.#start(host.name, startOn))
    })
    this.world.schedule.after(GIVE_UP_AFTER_MS, () => {
      if (over) return
      this.isBusy = false
      if (guest.life.alive) guest.goOn()
    })
  }

  start(): void {
    this.movingTo = null
    this.isBusy = false
    if (this.wantedOn !== null) return
    this.wantedOn = this.#holder
    this.world.hosts[this.#holder].reconsider()
  }

  #start(on: HostName, where: 'there' | 'elsewhere'): void {
    if (where === 'there' || this.world.resting) {
      this.start()
      return
    }
    this.movingTo = on === 'a' ? 'b' : 'a'
    this.world.schedule.after(GIVE_UP_AFTER_MS, () => {
      if (this.movingTo !== null) this.start()
    })
  }

  get #holder(): HostName {
    const { holder } = this.world.witness.stored.claim
    return holder === UUIDS.a ? 'a' : 'b'
  }

  #lookAt(name: HostName): void {
    const host = this.world.hosts[name]
    const primary = host.worker?.primary ?? null
    if (primary?.isServing !== true) return
    if (host.guest !== null) {
      host.guest.attach(primary)
      return
    }
    if (this.wantedOn !== name || this.#booting || this.world.ended) return
    this.#booting = true
    this.world.schedule.after(BOOT_MS, () => {
      this.#booting = false
      if (this.wantedOn !== name || host.guest !== null || !host.powered || host.worker?.primary !== primary) return
      host.guest = new Guest(this.world, host, ++this.#guests)
      host.guest.attach(primary)
    })
  }
}
