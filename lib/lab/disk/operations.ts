/** Each request of the kernel done on the backing directory. */
import { constants } from 'node:fs'
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  statfs,
  unlink,
  utimes,
  chmod,
  truncate,
} from 'node:fs/promises'
import { join } from 'node:path'
import { Errno, Nodes } from './nodes'
import * as fuse from './protocol'

/** Flags of open(2) that mean something to the file below; the kernel keeps O_APPEND and O_DIRECT to itself. */
const KEPT_FLAGS =
  constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR | constants.O_DSYNC | constants.O_SYNC | constants.O_TRUNC
const SETATTR = { mode: 1, size: 8, atime: 16, mtime: 32, handle: 64, atimeNow: 128, mtimeNow: 256 }

const DOTS = ['.', '..'].map((name) => ({ name, isDirectory: true }))

interface OpenFile {
  readonly file: FileHandle
  readonly node: number
  readonly path: string
}

export class Disk {
  readonly #nodes = new Nodes()
  readonly #files = new Map<number, OpenFile>()
  readonly #listings = new Map<number, readonly fuse.DirectoryEntry[]>()
  #lastHandle = 0

  constructor(readonly backing: string) {}

  /** The path a request is about, for the fault rules; a file unlinked while open keeps its last one. */
  pathOf({ opcode, node, body }: fuse.Request): string {
    const carriesHandle = opcode === fuse.OP.READ || opcode === fuse.OP.WRITE || opcode === fuse.OP.FSYNC
    const opened = carriesHandle ? this.#files.get(fuse.u64(body, 0)) : undefined
    if (opened !== undefined) return opened.path
    const nameAt = { [fuse.OP.CREATE]: 16, [fuse.OP.MKDIR]: 8, [fuse.OP.UNLINK]: 0, [fuse.OP.RMDIR]: 0 }[opcode]
    const [name] = nameAt === undefined ? [] : fuse.names(body, nameAt)
    return name === undefined ? this.#nodes.path(node) : this.#nodes.child(node, name)
  }

  /** @returns the reply's body; undefined for a reply without one; null for no reply at all. Throws Errno or a Node file error. */
  async perform({ opcode, node, body }: fuse.Request): Promise<Buffer | undefined | null> {
    switch (opcode) {
      case fuse.OP.INIT:
        return fuse.initReply(body)
      case fuse.OP.LOOKUP:
        return this.#entry(this.#nodes.child(node, nameIn(body, 0)))
      case fuse.OP.FORGET:
        this.#nodes.forget(node, fuse.u64(body, 0))
        return null
      case fuse.OP.BATCH_FORGET:
        for (let index = 0; index < body.readUInt32LE(0); index += 1) {
          this.#nodes.forget(fuse.u64(body, 8 + index * 16), fuse.u64(body, 16 + index * 16))
        }
        return null
      case fuse.OP.GETATTR:
        return fuse.attrReply(await this.#stat(node))
      case fuse.OP.SETATTR:
        return this.#setattr(node, body)
      case fuse.OP.MKDIR: {
        const path = this.#nodes.child(node, nameIn(body, 8))
        await mkdir(this.#at(path), { mode: body.readUInt32LE(0) & 0o7777 })
        return this.#entry(path)
      }
      case fuse.OP.UNLINK:
      case fuse.OP.RMDIR: {
        const path = this.#nodes.child(node, nameIn(body, 0))
        await (opcode === fuse.OP.UNLINK ? unlink(this.#at(path)) : rmdir(this.#at(path)))
        this.#nodes.removed(path)
        return undefined
      }
      case fuse.OP.RENAME:
        return this.#rename(node, fuse.u64(body, 0), fuse.names(body, 8))
      case fuse.OP.RENAME2:
        if (body.readUInt32LE(8) !== 0) throw new Errno(fuse.ERRNO.EINVAL)
        return this.#rename(node, fuse.u64(body, 0), fuse.names(body, 16))
      case fuse.OP.OPEN:
        return fuse.openReply(await this.#open(node, body.readUInt32LE(0) & KEPT_FLAGS), true)
      case fuse.OP.CREATE:
        return this.#create(node, body)
      case fuse.OP.READ: {
        const out = Buffer.allocUnsafe(body.readUInt32LE(16))
        const { bytesRead } = await this.#file(body).read(out, 0, out.length, fuse.u64(body, 8))
        return out.subarray(0, bytesRead)
      }
      case fuse.OP.WRITE: {
        const { bytesWritten } = await this.#file(body).write(body, 40, body.readUInt32LE(16), fuse.u64(body, 8))
        return fuse.writeReply(bytesWritten)
      }
      case fuse.OP.FSYNC:
        await (body.readUInt32LE(8) === 1 ? this.#file(body).datasync() : this.#file(body).sync())
        return undefined
      case fuse.OP.FLUSH:
        return undefined
      case fuse.OP.RELEASE: {
        const handle = fuse.u64(body, 0)
        const opened = this.#files.get(handle)
        this.#files.delete(handle)
        await opened?.file.close()
        return undefined
      }
      case fuse.OP.OPENDIR: {
        const entries = await readdir(this.#at(this.#nodes.path(node)), { withFileTypes: true })
        this.#listings.set(++this.#lastHandle, [
          ...DOTS,
          ...entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() })),
        ])
        return fuse.openReply(this.#lastHandle, false)
      }
      case fuse.OP.READDIR:
        return fuse.directoryReply(this.#listings.get(fuse.u64(body, 0)) ?? [], fuse.u64(body, 8), body.readUInt32LE(16))
      case fuse.OP.RELEASEDIR:
        this.#listings.delete(fuse.u64(body, 0))
        return undefined
      case fuse.OP.FSYNCDIR: {
        const directory = await open(this.#at(this.#nodes.path(node)), constants.O_RDONLY | constants.O_DIRECTORY)
        await directory.sync().finally(() => directory.close())
        return undefined
      }
      case fuse.OP.STATFS:
        return fuse.statfsReply(await statfs(this.backing))
      default:
        throw new Errno(fuse.ERRNO.ENOSYS)
    }
  }

  #at(path: string): string {
    return join(this.backing, path)
  }

  #file(body: Buffer): FileHandle {
    const opened = this.#files.get(fuse.u64(body, 0))
    if (opened === undefined) throw new Errno(fuse.ERRNO.ESTALE)
    return opened.file
  }

  async #stat(node: number) {
    const opened = [...this.#files.values()].find((candidate) => candidate.node === node)
    return opened === undefined ? lstat(this.#at(this.#nodes.path(node)), { bigint: true }) : opened.file.stat({ bigint: true })
  }

  async #entry(path: string): Promise<Buffer> {
    const stat = await lstat(this.#at(path), { bigint: true })
    return fuse.entryReply(this.#nodes.look(path), stat)
  }

  async #open(node: number, flags: number): Promise<number> {
    const path = this.#nodes.path(node)
    this.#files.set(++this.#lastHandle, { file: await open(this.#at(path), flags), node, path })
    return this.#lastHandle
  }

  async #create(parent: number, body: Buffer): Promise<Buffer> {
    const path = this.#nodes.child(parent, nameIn(body, 16))
    const flags = (body.readUInt32LE(0) & (KEPT_FLAGS | constants.O_EXCL)) | constants.O_CREAT
    const file = await open(this.#at(path), flags, body.readUInt32LE(4) & 0o7777)
    const entry = fuse.entryReply(this.#nodes.look(path), await file.stat({ bigint: true }))
    const handle = ++this.#lastHandle
    this.#files.set(handle, { file, node: fuse.u64(entry, 0), path })
    return Buffer.concat([entry, fuse.openReply(handle, true)])
  }

  async #rename(parent: number, newParent: number, [from, to]: string[]): Promise<undefined> {
    if (from === undefined || to === undefined) throw new Errno(fuse.ERRNO.EINVAL)
    const [source, target] = [this.#nodes.child(parent, from), this.#nodes.child(newParent, to)]
    await rename(this.#at(source), this.#at(target))
    this.#nodes.renamed(source, target)
    return undefined
  }

  async #setattr(node: number, body: Buffer): Promise<Buffer> {
    const valid = body.readUInt32LE(0)
    const opened = (valid & SETATTR.handle) === 0 ? undefined : this.#files.get(fuse.u64(body, 8))
    const path = (): string => this.#at(this.#nodes.path(node))
    if ((valid & SETATTR.size) !== 0) {
      const size = fuse.u64(body, 16)
      await (opened === undefined ? truncate(path(), size) : opened.file.truncate(size))
    }
    if ((valid & SETATTR.mode) !== 0) await chmod(path(), body.readUInt32LE(68) & 0o7777)
    if ((valid & (SETATTR.atime | SETATTR.mtime)) !== 0) {
      const now = Date.now() / 1000
      const time = (bit: number, nowBit: number, at: number): number =>
        (valid & bit) === 0 || (valid & nowBit) !== 0 ? now : fuse.u64(body, at)
      await utimes(path(), time(SETATTR.atime, SETATTR.atimeNow, 32), time(SETATTR.mtime, SETATTR.mtimeNow, 40))
    }
    return fuse.attrReply(await this.#stat(node))
  }
}

function nameIn(body: Buffer, at: number): string {
  const [name] = fuse.names(body, at)
  if (name === undefined) throw new Errno(fuse.ERRNO.EINVAL)
  return name
}
