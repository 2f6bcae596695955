import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hostUuid, type HostUuid } from '../../core/domain/ids'
import type { ConfirmedOff, FenceRecord } from '../../ports/fence-record'
import type { Log } from '../../ports/log'
import { id, jsonObject, Malformed, text } from '../../wire/shape'

/** One file per host that is confirmed to be off: `<host>.json`. */
export class FenceFolder implements FenceRecord {
  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  read(): readonly ConfirmedOff[] {
    return readdirSync(this.folder)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => this.#wordIn(name))
  }

  async save(host: HostUuid, who: string): Promise<ConfirmedOff> {
    const word = { host, who, at: new Date().toISOString() }
    const path = this.#pathOf(host)
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(word)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    await this.#syncFolder()
    return word
  }

  async forget(host: HostUuid): Promise<void> {
    await rm(this.#pathOf(host), { force: true })
    await this.#syncFolder()
  }

  #wordIn(name: string): ConfirmedOff[] {
    try {
      const { host, who, at } = jsonObject(readFileSync(join(this.folder, name), 'utf8'))
      const word = { host: id(hostUuid, host, 'host'), who: text(who, 'who'), at: text(at, 'at') }
      if (name === `${word.host}.json`) return [word]
      throw new Malformed(`it names host ${word.host}`)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.log.warn("an operator's word on a host cannot be read, and does not count", { name, trouble: error.message })
      return []
    }
  }

  #pathOf(host: HostUuid): string {
    return join(this.folder, `${host}.json`)
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(this.folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}
