import { dirname } from 'node:path'
import type { Files, OpenFile } from '../../../lib/dom0/replica/replica-files'
import type { Dice } from '../../world/prng'

/** How much of what was not yet synced a crash leaves: of one write, and whether a change of names is kept. */
export interface Tear {
  readonly name: string
  readonly write: (data: Buffer) => readonly [from: number, to: number][]
  readonly isNameKept: () => boolean
}

export const NOTHING: Tear = { name: 'nothing', write: () => [], isNameKept: () => false }

export const TEARS: readonly Tear[] = [
  NOTHING,
  { name: 'all', write: ({ length }) => [[0, length]], isNameKept: () => true },
  { name: 'a first sector', write: ({ length }) => [[0, Math.min(512, length)]], isNameKept: () => false },
  { name: 'all but the last byte', write: ({ length }) => [[0, length - 1]], isNameKept: () => true },
  { name: 'all but the first byte', write: ({ length }) => [[1, length]], isNameKept: () => true },
  { name: 'a middle', write: ({ length }) => [[length >> 2, length >> 1]], isNameKept: () => true },
]

export const tearBy = (dice: Dice): Tear => ({
  name: 'drawn',
  write: ({ length }) => {
    const kept: [number, number][] = []
    if (dice.chance(0.3)) return dice.chance(0.5) ? [[0, length]] : []
    for (let at = 0; at < length; at += 512) if (dice.chance(0.5)) kept.push([at, Math.min(at + 512, length)])
    if (dice.chance(0.5)) kept.push([dice.below(length), length])
    return kept
  },
  isNameKept: () => dice.chance(0.5),
})

interface Write {
  readonly at: number
  readonly data: Buffer
}

/** A file's bytes as its readers see them, as they are on the disk, and the writes between the two. */
class Inode {
  cached: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  unsynced: Write[] = []
  /** Others have the same buffers, which must not change then. */
  private isShared = false

  private own(): void {
    if (this.isShared) [this.cached, this.durable] = [Buffer.from(this.cached), Buffer.from(this.durable)]
    this.isShared = false
  }

  write(at: number, data: Buffer): void {
    this.own()
    this.cached = patched(this.cached, at, data)
    this.unsynced.push({ at, data: Buffer.from(data) })
  }

  /** Those writes, of which some may be durable already. */
  sync(writes: readonly Write[]): void {
    if (writes.length > 0) this.own()
    for (const { at, data } of this.unsynced.filter((write) => writes.includes(write)))
      this.durable = patched(this.durable, at, data)
    this.unsynced = this.unsynced.filter((write) => !writes.includes(write))
  }

  /** What the range holds now is durable; parts of other writes outside of it are not. */
  syncRange(from: number, to: number): void {
    this.own()
    this.durable = patched(this.durable, from, this.cached.subarray(from, to))
    this.unsynced = this.unsynced.flatMap(({ at, data }) => [
      ...(at < from ? [{ at, data: data.subarray(0, from - at) }] : []),
      ...(at + data.length > to ? [{ at: Math.max(at, to), data: data.subarray(Math.max(0, to - at)) }] : []),
    ])
  }

  /** A failed flush leaves the bytes with the readers, and nobody writes them to the disk any more. */
  forget(): void {
    this.unsynced = []
  }

  copy(): Inode {
    const copy = new Inode()
    copy.cached = this.cached
    copy.durable = this.durable
    copy.unsynced = [...this.unsynced]
    copy.isShared = this.isShared = true
    return copy
  }

  crash(tear: Tear): void {
    if (this.unsynced.length > 0) this.own()
    for (const { at, data } of this.unsynced) {
      for (const [from, to] of tear.write(data)) this.durable = patched(this.durable, at + from, data.subarray(from, to))
    }
    this.replace(this.durable)
  }

  replace(bytes: Buffer): void {
    this.cached = this.durable = bytes
    this.isShared = true
    this.unsynced = []
  }
}

/** In place where it fits. */
function patched(bytes: Buffer, at: number, data: Buffer): Buffer {
  const into = at + data.length <= bytes.length ? bytes : Buffer.concat([bytes, Buffer.alloc(at + data.length - bytes.length)])
  into.set(data, at)
  return into
}

/** `inode` null: the name goes. */
interface Naming {
  readonly name: string
  readonly inode: Inode | null
}

/** Files on a disk whose power fails at a chosen step. Every call has a step before it acts and one before it answers. */
export class CrashingFiles implements Files {
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #namings: Naming[] = []
  #isDead = false
  steps = 0
  /** Number of the step at which it stops. */
  crashAt = Infinity
  /** Asked at each call; true lets it fail with EIO. */
  isFaulty: (call: string, path: string) => boolean = () => false
  /** Keeps calls of several files from going in step with each other. */
  pause: () => number = () => 0
  /** Called before each step. */
  onStep: (call: string) => void = () => undefined
  #tellCrash: () => void = () => undefined
  crashed: Promise<'crashed'> = this.#nextCrash()

  #nextCrash(): Promise<'crashed'> {
    return new Promise((resolve) => (this.#tellCrash = () => resolve('crashed')))
  }

  /** The same disk at the same moment, for another future. */
  copy(): CrashingFiles {
    const copies = new Map<Inode, Inode>()
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? inode.copy()
      copies.set(inode, copy)
      return copy
    }
    const copy = new CrashingFiles()
    copy.#names = new Map([...this.#names].map(([name, inode]) => [name, copyOf(inode)]))
    copy.#durableNames = new Map([...this.#durableNames].map(([name, inode]) => [name, copyOf(inode)]))
    copy.#namings = this.#namings.map(({ name, inode }) => ({ name, inode: inode === null ? null : copyOf(inode) }))
    return copy
  }

  /** The same in the midst of what the process does. */
  async stop(tear: Tear): Promise<void> {
    this.#isDead = true
    await new Promise((resolve) => setImmediate(resolve))
    this.restart(tear)
  }

  /** The process ends with the machine, and what it had under way is torn. */
  restart(tear: Tear): void {
    for (const naming of this.#namings) if (tear.isNameKept()) this.#rename(this.#durableNames, naming)
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) inode.crash(tear)
    this.restartProcess()
    this.#namings = []
  }

  /** The process ends, its machine does not. */
  restartProcess(): void {
    this.steps = 0
    this.crashAt = Infinity
    this.#isDead = false
    this.crashed = this.#nextCrash()
  }

  names(): string[] {
    return [...this.#names.keys()].sort()
  }

  bytes(path: string): Buffer | null {
    return this.#names.get(path)?.cached ?? null
  }

  /** Behind the product's back, and for good. */
  damage(path: string, change: (bytes: Buffer) => Buffer | null): void {
    const inode = this.#names.get(path)
    const bytes = inode === undefined ? null : change(Buffer.from(inode.cached))
    if (bytes === null || inode === undefined) for (const names of [this.#names, this.#durableNames]) names.delete(path)
    else inode.replace(bytes)
  }

  put(path: string, bytes: Buffer): void {
    const inode = new Inode()
    inode.replace(Buffer.from(bytes))
    for (const names of [this.#names, this.#durableNames]) names.set(path, inode)
  }

  async openIfThere(path: string): Promise<OpenFile | null> {
    await this.#step('open', path)
    const inode = this.#names.get(path)
    return inode === undefined ? null : this.#opened(path, inode)
  }

  async make(path: string): Promise<OpenFile> {
    await this.#step('make', path)
    const inode = new Inode()
    this.#change({ name: path, inode })
    await this.#step('made', path)
    return this.#opened(path, inode)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from)
    const inode = this.#names.get(from)
    if (inode === undefined) throw eio('ENOENT')
    this.#change({ name: from, inode: null })
    this.#change({ name: to, inode })
    await this.#step('renamed', from)
  }

  async remove(path: string): Promise<void> {
    await this.#step('remove', path)
    this.#change({ name: path, inode: null })
    await this.#step('removed', path)
  }

  async syncFolderOf(path: string): Promise<void> {
    await this.#step('sync folder', path)
    const known = this.#namings.filter(({ name }) => dirname(name) === dirname(path))
    await this.#step('synced folder', path)
    for (const naming of known) this.#rename(this.#durableNames, naming)
    this.#namings = this.#namings.filter((naming) => !known.includes(naming))
  }

  #opened(path: string, inode: Inode): OpenFile {
    return {
      read: async (offset, length) => {
        await this.#step('read', path)
        return Buffer.from(inode.cached.subarray(offset, offset + length))
      },
      write: async (offset, data) => {
        await this.#step('write', path)
        inode.write(offset, data)
        await this.#step('written', path)
      },
      writeThrough: async (offset, data) => {
        await this.#step('write through', path, () => {
          inode.write(offset, data)
          inode.forget()
        })
        inode.write(offset, data)
        await this.#step('written through', path)
        inode.syncRange(offset, offset + data.length)
      },
      sync: async () => {
        await this.#step('sync', path, () => inode.forget())
        const writes = [...inode.unsynced]
        await this.#step('synced', path)
        inode.sync(writes)
      },
      close: async () => {
        await this.#step('close', path)
      },
    }
  }

  #change(naming: Naming): void {
    this.#rename(this.#names, naming)
    this.#namings.push(naming)
  }

  #rename(names: Map<string, Inode>, { name, inode }: Naming): void {
    if (inode === null) names.delete(name)
    else names.set(name, inode)
  }

  async #step(call: string, path: string, onFault: () => void = () => undefined): Promise<void> {
    for (let turns = this.pause(); turns > 0; turns--) await Promise.resolve()
    if (this.#isDead || this.steps >= this.crashAt) {
      this.#isDead = true
      this.#tellCrash()
      await new Promise(() => undefined)
    }
    this.steps++
    this.onStep(`${call} ${path}`)
    if (!this.isFaulty(call, path)) return
    onFault()
    throw eio('EIO')
  }
}

const eio = (code: string): Error => Object.assign(new Error(`${code}: told to fail`), { code })
