import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DomainLikeness, StandbyState, StandbyWish } from '../../contract'
import { hasCode } from './has-code'
import { isAlive, type ProcessIdentity } from './process-identity'

/** What is known of a domain, on disk: it outlives the process that made it. */
export interface DomainRecord extends DomainLikeness {
  readonly domid: number
  readonly process: ProcessIdentity
  /** Of one that stands by, or did so until the coordinator knew of it. */
  readonly standby?: StandbyWish & Pick<StandbyState, 'state'>
  /** Set by whoever kills it on purpose, before the kill. */
  readonly destroyed: boolean
  /** Its end was seen to and told. */
  readonly ended: boolean
}

/** Logs of so many ended domains are kept. */
const ENDED_KEPT = 16

/** Layout: DIR/<domid>/{domain.json, console.log, console.sock, command.sock, qemu.log, events.log}. Ids only ever count up. */
export class DomainStore {
  readonly #allocatedHere = new Set<number>()

  constructor(readonly directory: string) {}

  path(domid: number, file = ''): string {
    return join(this.directory, String(domid), file)
  }

  /** The next domid, its directory made; safe against another process doing the same. */
  async allocate(): Promise<number> {
    await mkdir(this.directory, { recursive: true })
    const domids = await this.#domids()
    for (let domid = (domids.at(-1) ?? 0) + 1; ; domid++) {
      try {
        this.#allocatedHere.add(domid)
        await mkdir(this.path(domid))
        return domid
      } catch (error) {
        this.#allocatedHere.delete(domid)
        if (!hasCode(error, 'EEXIST')) throw error
      }
    }
  }

  async save(record: DomainRecord): Promise<void> {
    const path = this.path(record.domid, 'domain.json')
    await writeFile(`${path}.new`, JSON.stringify(record))
    await rename(`${path}.new`, path)
  }

  async read(domid: number): Promise<DomainRecord | null> {
    try {
      // Written by save() above and by nobody else.
      return JSON.parse(await readFile(this.path(domid, 'domain.json'), 'utf8')) as DomainRecord
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null
      throw error
    }
  }

  /** Domains whose end has not been seen to yet, in order of their ids. */
  async current(): Promise<DomainRecord[]> {
    const records = await Promise.all((await this.#domids()).map((domid) => this.read(domid)))
    return records.filter((record) => record !== null).filter((record) => !record.ended)
  }

  /** Those of them that are the toolstack's. */
  async domains(): Promise<DomainRecord[]> {
    return (await this.current()).filter((record) => !isWaiting(record))
  }

  /** Domids that a process which is no more reserved or began to build, and left without a record. */
  async abandoned(): Promise<number[]> {
    const domids = (await this.#domids()).filter((domid) => !this.#allocatedHere.has(domid))
    const records = await Promise.all(domids.map((domid) => this.read(domid)))
    return domids.filter((_, index) => records[index] === null)
  }

  /** The record of a domain whose machine runs; anything else is an error that says so. */
  async live(domid: number): Promise<DomainRecord> {
    const record = await this.read(domid)
    if (record === null || record.ended || !(await isAlive(record.process))) throw new Error(`there is no domain ${domid}`)
    return record
  }

  /** Drops the logs of domains that ended long ago, never the newest id: ids are not used twice. */
  async prune(): Promise<void> {
    const records = await Promise.all((await this.#domids()).map((domid) => this.read(domid)))
    const ended = records.filter((record) => record !== null).filter((record) => record.ended)
    for (const record of ended.slice(0, -ENDED_KEPT)) await this.forget(record.domid)
  }

  async forget(domid: number): Promise<void> {
    await rm(this.path(domid), { recursive: true, force: true })
  }

  async #domids(): Promise<number[]> {
    try {
      return (await readdir(this.directory))
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .sort((a, b) => a - b)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return []
      throw error
    }
  }
}

export const isWaiting = ({ standby }: DomainRecord): boolean => standby?.state === 'waiting'

/** '' for a file that is not there. */
export async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  }
}
