/** A process of the product's witness in a place of its own; restarted only by command. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { WITNESS_ADDRESSES, WITNESS_WIRES, type WitnessName } from '../net/plan'
import type { WitnessStatus } from './control'
import { Gaps } from './gaps'
import type { LabPaths } from './paths'
import type { Place } from './place'
import { WITNESS_PORT } from './pool'
import { Service } from './service'
import type { LabSettings } from './settings'

export class WitnessHost {
  readonly wires
  readonly gaps = new Gaps()
  /** Null: it is not built. */
  readonly service: Service | null

  constructor(
    readonly name: WitnessName,
    readonly place: Place,
    settings: LabSettings,
    paths: LabPaths,
  ) {
    this.wires = WITNESS_WIRES[name]
    this.service = serviceOf(name, place, settings, paths)
  }

  status(): WitnessStatus {
    const running = this.service?.isRunning === true ? 'running' : 'stopped'
    return { name: this.name, initPid: this.place.init.machine, state: this.service === null ? 'not built' : running }
  }
}

function serviceOf(name: WitnessName, place: Place, settings: LabSettings, paths: LabPaths): Service | null {
  const { witness: executable, isBare } = settings
  if (executable === null) return null
  const data = join(paths.dir, name)
  mkdirSync(data, { recursive: true })
  const listen = ['--listen', `${WITNESS_ADDRESSES[name]}:${WITNESS_PORT}`, '--data', data]
  const argv = [process.execPath, executable, ...listen, ...(isBare ? [] : ['--key', paths.key])]
  return new Service({ name, argv, environment: {}, restart: 'no', restartMs: 0 }, place, `${data}.log`)
}
