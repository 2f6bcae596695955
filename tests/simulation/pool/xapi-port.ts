import type { PoolInventory } from '../../../lib/core/domain/inventory'
import { type XapiArgument, type XapiCallOptions, XapiFailure, type XapiPort, type XapiValue } from '../../../lib/ports/xapi'
import { asError } from './failure'
import type { Machine } from './machine'
import type { Process } from './process'

/** An event stream is about a second behind. */
const LOOK_EVERY_MS = 500

/** A daemon's way to the pool's XAPI. */
export class SimulatedXapi implements XapiPort {
  reachable = false
  #view: PoolInventory | null = null
  readonly #listeners: (() => void)[] = []

  constructor(
    private readonly process: Process,
    private readonly machine: Machine,
  ) {
    process.timers.every(LOOK_EVERY_MS, () => this.refresh())
  }

  inventory(): PoolInventory | null {
    return this.#view
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  refresh(): void {
    const view = this.machine.xapi.view()
    this.reachable = view !== null
    if (view !== null) this.#view = view
    for (const listener of this.#listeners) listener()
  }

  call(method: string, args: readonly XapiArgument[], { deadlineMs, where }: XapiCallOptions): Promise<XapiValue> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const settle = (act: () => void): void => {
        if (isOver) return
        isOver = true
        timer.stop()
        this.process.nature.schedule.to(this.process.life, act)
      }
      const silent = (): void => settle(() => reject(new XapiFailure('xapi-silent', method, 'DEADLINE')))
      const timer = this.process.timers.after(deadlineMs, silent)
      const { xapi } = this.machine
      void (where === 'local' ? xapi.locally(method) : xapi.call(method, args)).then(
        (answer) => settle(() => resolve(answer)),
        (error: unknown) => settle(() => reject(asError(error))),
      )
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
