/** The rack's side of a host's disk: starts its server at boot, sends it the fault rules, ends it at power off. */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { isSameTarget, type DiskRule } from '../disk/rules'
import { THREADS } from '../disk/server'
import type { HostPaths } from './paths'

export const DISK_MOUNT = '/srv'

export class HostDisk {
  #server: ChildProcess | null = null
  #rules: readonly DiskRule[] = []

  constructor(
    readonly paths: HostPaths,
    readonly labBin: string,
  ) {}

  get rules(): readonly DiskRule[] {
    return this.#rules
  }

  async mount(initPid: number): Promise<void> {
    const log = openSync(join(this.paths.log, 'disk.log'), 'a')
    const server = fork(join(this.labBin, 'disk.js'), [this.paths.disk, String(initPid), DISK_MOUNT], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: String(THREADS) },
    })
    closeSync(log)
    this.#server = server
    await this.#heard(server, 'mounted')
    await this.#send()
  }

  /** In effect when it resolves; kept over power cycles. */
  async add(rule: DiskRule): Promise<void> {
    this.#rules = [...this.#rules.filter((other) => !isSameTarget(other, rule)), rule]
    await this.#send()
  }

  /** @param volume null removes every rule */
  async repair(volume: string | null): Promise<number> {
    const before = this.#rules.length
    this.#rules = volume === null ? [] : this.#rules.filter((rule) => rule.volume !== volume)
    await this.#send()
    return before - this.#rules.length
  }

  /** Closing its end of /dev/fuse also frees processes that hang in the disk, so that a dying host can die. */
  kill(): void {
    this.#server?.kill('SIGKILL')
    this.#server = null
  }

  async #send(): Promise<void> {
    if (this.#server === null) return
    const heard = this.#heard(this.#server, 'rules-set')
    this.#server.send([...this.#rules])
    await heard
  }

  #heard(server: ChildProcess, word: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        server.off('message', listen)
        reject(new Error(`the disk server ended; see ${join(this.paths.log, 'disk.log')}`))
      }
      const listen = (message: unknown): void => {
        if (message !== word) return
        server.off('message', listen).off('exit', ended)
        resolve()
      }
      server.on('message', listen).once('exit', ended)
    })
  }
}
