/** The kernel speaks of node numbers; this table says which path below the disk's top each one is now. */
import { ERRNO, ROOT_NODE } from './protocol'

/** An error number for the process that asked. */
export class Errno extends Error {
  override readonly name = 'Errno'
  constructor(readonly errno: number) {
    super(`errno ${errno}`)
  }
}

interface Node {
  readonly id: number
  /** Empty for the top; null once unlinked while still open. */
  path: string | null
  /** How often the kernel was told of it; it says by FORGET how many of these it dropped. */
  lookups: number
}

export class Nodes {
  readonly #byId = new Map<number, Node>([[ROOT_NODE, { id: ROOT_NODE, path: '', lookups: 1 }]])
  readonly #byPath = new Map<string, Node>()
  #last = ROOT_NODE

  path(id: number): string {
    const path = this.#byId.get(id)?.path
    if (path === undefined || path === null) throw new Errno(ERRNO.ESTALE)
    return path
  }

  child(parent: number, name: string): string {
    const path = this.path(parent)
    return path === '' ? name : `${path}/${name}`
  }

  /** Call only when the answer to the kernel will carry this node. */
  look(path: string): number {
    let node = this.#byPath.get(path)
    if (node === undefined) {
      node = { id: ++this.#last, path, lookups: 0 }
      this.#byId.set(node.id, node)
      this.#byPath.set(path, node)
    }
    node.lookups += 1
    return node.id
  }

  forget(id: number, lookups: number): void {
    const node = this.#byId.get(id)
    if (node === undefined || id === ROOT_NODE) return
    node.lookups -= lookups
    if (node.lookups > 0) return
    this.#byId.delete(id)
    if (node.path !== null && this.#byPath.get(node.path) === node) this.#byPath.delete(node.path)
  }

  removed(path: string): void {
    const node = this.#byPath.get(path)
    if (node === undefined) return
    node.path = null
    this.#byPath.delete(path)
  }

  renamed(from: string, to: string): void {
    this.removed(to)
    for (const [path, node] of [...this.#byPath]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#byPath.delete(path)
      node.path = to + path.slice(from.length)
      this.#byPath.set(node.path, node)
    }
  }
}
