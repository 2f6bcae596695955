import { basename } from 'node:path'
import type { ClaimFile, ClaimFiles } from '../../../lib/dom0/witness/claim-log-files'

/** What a call of the log does instead of what it should. */
export type Fault =
  /** Nothing happens, and it fails. */
  | { readonly kind: 'error'; readonly code: string }
  /** A write leaves this share of its bytes and fails; any other call only fails. */
  | { readonly kind: 'partial'; readonly code: string; readonly share: number }
  /** The power fails before it, or behind it. */
  | { readonly kind: 'dark'; readonly when: 'before' | 'after' }

/** Which of what was not yet flushed a power failure leaves. */
export const TEARS = ['nothing', 'all', 'first half', 'last half', 'names only'] as const
export type Tear = (typeof TEARS)[number]

/** Without data: the file ends there. */
interface Change {
  readonly at: number
  readonly data: Buffer | null
}

interface Inode {
  bytes: Buffer
  durable: Buffer
  /** What the next flush puts on the disk, oldest first. */
  since: Change[]
}

export class PowerFailed extends Error {}

/** Files in memory, as a process sees them and as the disk has them, with a fault at one call. */
export class ClaimDisk implements ClaimFiles {
  private names = new Map<string, Inode>()
  private durableNames = new Map<string, Inode>()
  private isDark = false
  calls: string[] = []
  faultAt = Infinity
  fault: Fault = { kind: 'error', code: 'EIO' }

  /** The process ends; the kernel keeps what it has. */
  restartProcess(): void {
    this.calls = []
    this.faultAt = Infinity
    this.isDark = false
  }

  /** The machine ends. */
  losePower(tear: Tear): void {
    if (tear === 'all' || tear === 'names only') this.durableNames = new Map(this.names)
    this.names = new Map(this.durableNames)
    for (const inode of this.names.values()) {
      for (const change of inode.since) inode.durable = changed(inode.durable, torn(change, tear))
      inode.since = []
      inode.bytes = Buffer.from(inode.durable)
    }
    this.restartProcess()
  }

  content(path: string): Buffer {
    return Buffer.from(this.names.get(path)?.bytes ?? Buffer.alloc(0))
  }

  put(path: string, bytes: Buffer): void {
    const inode = { bytes: Buffer.from(bytes), durable: Buffer.from(bytes), since: [] }
    this.names.set(path, inode)
    this.durableNames.set(path, inode)
  }

  read(path: string): Promise<Buffer | null> {
    return this.call('read', path, () => (this.names.has(path) ? this.content(path) : null))
  }

  open(path: string): Promise<ClaimFile> {
    return this.call('open', path, () => this.fileOf(path, this.inode(path)))
  }

  make(path: string): Promise<ClaimFile> {
    return this.call('make', path, () => {
      const inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), since: [] }
      this.names.set(path, inode)
      return this.fileOf(path, inode)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.call('rename', from, () => {
      this.names.set(to, this.inode(from))
      this.names.delete(from)
    })
  }

  remove(path: string): Promise<void> {
    return this.call('remove', path, () => void this.names.delete(path))
  }

  syncFolder(path: string): Promise<void> {
    return this.call('sync folder', path, () => void (this.durableNames = new Map(this.names)))
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path)
    if (inode === undefined) throw failing('ENOENT')
    return inode
  }

  private fileOf(path: string, inode: Inode): ClaimFile {
    const change = (at: number, data: Buffer | null): void => {
      inode.since.push({ at, data: data === null ? null : Buffer.from(data) })
      inode.bytes = changed(inode.bytes, { at, data })
    }
    return {
      write: (data, at) =>
        this.call(
          'write',
          path,
          () => change(at, data),
          (share) => change(at, data.subarray(0, Math.floor(data.length * share))),
        ),
      truncate: (bytes) => this.call('truncate', path, () => change(bytes, null)),
      sync: () =>
        this.call(
          'sync',
          path,
          () => {
            for (const each of inode.since) inode.durable = changed(inode.durable, each)
            inode.since = []
          },
          // The kernel takes them for written: they are read, and never reach the disk.
          () => void (inode.since = []),
        ),
      close: () => this.call('close', path, () => undefined),
    }
  }

  private async call<T>(name: string, path: string, act: () => T, half: (share: number) => void = () => undefined): Promise<T> {
    await Promise.resolve()
    if (this.isDark) throw new PowerFailed()
    this.calls.push(`${name} ${basename(path)}`)
    if (this.calls.length !== this.faultAt) return act()
    const { fault } = this
    if (fault.kind === 'dark') {
      if (fault.when === 'after') act()
      this.isDark = true
      throw new PowerFailed()
    }
    half(fault.kind === 'partial' ? fault.share : 0)
    throw failing(fault.code)
  }
}

const failing = (code: string): Error => Object.assign(new Error(`${code}: told to fail`), { code })

function changed(bytes: Buffer, { at, data }: Change): Buffer {
  if (data === null) return bytes.subarray(0, at)
  const into = Buffer.alloc(Math.max(bytes.length, at + data.length))
  bytes.copy(into)
  data.copy(into, at)
  return into
}

function torn({ at, data }: Change, tear: Tear): Change {
  if (tear === 'all') return { at, data }
  if (data === null) return { at: Infinity, data }
  const half = data.length >> 1
  if (tear === 'first half') return { at, data: data.subarray(0, half) }
  return tear === 'last half' ? { at: at + half, data: data.subarray(half) } : { at: 0, data: Buffer.alloc(0) }
}
