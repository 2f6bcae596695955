/** The board management controllers of a lab: OpenIPMI's simulator for each host, whose chassis control is the host's power. */
import { existsSync, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lanConf } from './bmc-switch'
import type { Host } from './host'
import type { Place } from './place'
import { isErrno } from './process'
import { Service } from './service'
import { RESTART_MS } from './units'

export class Bmc {
  readonly #service: Service

  /** `place`: where all controllers are, which no fault of a host reaches. */
  constructor(
    private readonly host: Host,
    private readonly place: Place,
    private readonly folder: string,
    index: number,
  ) {
    mkdirSync(this.#at('state'), { recursive: true })
    this.#tell(host.place === null ? 'off' : 'on')
    host.onPower = (power) => this.#tell(power)
    writeFileSync(this.#at('chassis'), this.#chassis(), { mode: 0o755 })
    writeFileSync(this.#at('lan.conf'), lanConf(index, this.#at('chassis')))
    writeFileSync(
      this.#at('bmc.emu'),
      'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
    )
    const simulator = `ipmi_sim -c ${this.#at('lan.conf')} -f ${this.#at('bmc.emu')} -s ${this.#at('state')} -n`
    const argv = ['sh', '-c', `echo $$ >${this.#at('pid')}; exec ${simulator}`]
    const spec = {
      name: `bmc-${host.description.name}`,
      argv,
      environment: {},
      restart: 'always',
      restartMs: RESTART_MS,
    } as const
    this.#service = new Service(spec, place, this.#at('log'))
  }

  start(): void {
    // Its own watch keeps nobody from ending: the rack's death is the end of all.
    watch(this.folder, { persistent: false }, (_, file) => (file === 'wish' ? this.#wished() : undefined))
    this.#service.start()
  }

  /** It answers nobody any more. */
  hang(): Promise<void> {
    return this.#signal('STOP')
  }

  /** Started anew: what it was asked while it hung, it would still do. */
  restart(): Promise<void> {
    return this.#signal('KILL')
  }

  #signal(name: 'STOP' | 'KILL'): Promise<void> {
    return this.place.run(`kill -${name} $(cat ${this.#at('pid')})`)
  }

  #at(name: string): string {
    return join(this.folder, name)
  }

  #tell(power: 'on' | 'off'): void {
    writeFileSync(this.#at('power'), power === 'on' ? '1\n' : '0\n')
  }

  /** Renamed into its place, so that no half of it is read; asked for is not done, so `get` tells what the rack has done. */
  #chassis(): string {
    const [wish, power] = [this.#at('wish'), this.#at('power')]
    return [
      '#!/bin/sh',
      `[ "$2 $3" = "set power" ] && echo "$4" >${wish}.$$ && mv ${wish}.$$ ${wish}`,
      `[ "$2" = get ] && echo "power:$(cat ${power})"`,
      'exit 0',
      '',
    ].join('\n')
  }

  #wished(): void {
    if (!existsSync(this.#at('wish'))) return
    let wish: string
    try {
      wish = readFileSync(this.#at('wish'), 'utf8').trim()
      rmSync(this.#at('wish'))
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return
      throw error
    }
    void (wish === '0' ? this.host.powerOff() : this.host.boot())
  }
}
