/** What a host knows from its own files, under the prefix that stands for its root. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HostDescription, PoolDescription } from '../../contract'

/** The coordinator itself, or a member of the coordinator at an address. */
export type Role = { readonly kind: 'coordinator' } | { readonly kind: 'member'; readonly of: string }

export class HostFiles {
  constructor(readonly root: string) {}

  path(...parts: string[]): string {
    return join(this.root, ...parts)
  }

  /** pool.conf: `master` or `slave:<address>`. */
  role(): Role {
    const text = this.read('etc/xensource/pool.conf').trim()
    if (text === 'master') return { kind: 'coordinator' }
    if (text.startsWith('slave:')) return { kind: 'member', of: text.slice('slave:'.length) }
    throw new Error(`pool.conf says neither master nor slave: ${text}`)
  }

  setRole(role: Role): void {
    const path = this.path('etc/xensource/pool.conf')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, role.kind === 'coordinator' ? 'master' : `slave:${role.of}`)
    renameSync(`${path}.new`, path)
  }

  poolSecret(): string {
    return this.read('etc/xensource/ptoken').trim()
  }

  hostUuid(): string {
    const uuid = /^INSTALLATION_UUID='?([^'\n]+)'?$/m.exec(this.read('etc/xensource-inventory'))?.[1]
    if (uuid === undefined) throw new Error('no INSTALLATION_UUID in xensource-inventory')
    return uuid
  }

  description(): PoolDescription {
    const value: unknown = JSON.parse(this.read('etc/xensource/lab-pool.json'))
    if (!isDescription(value)) throw new Error('lab-pool.json does not describe a pool')
    return value
  }

  private read(path: string): string {
    return readFileSync(this.path(path), 'utf8')
  }
}

function isDescription(value: unknown): value is PoolDescription {
  return typeof value === 'object' && value !== null && 'poolUuid' in value && 'hosts' in value && 'times' in value
}

/** Writes all files of one host of a new pool. */
export function writeHostFiles(root: string, pool: PoolDescription, host: HostDescription, secret: string): void {
  const files = new HostFiles(root)
  const [first] = pool.hosts
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(files.path(path)), { recursive: true })
    writeFileSync(files.path(path), text)
  }
  put(
    'etc/xensource-inventory',
    `INSTALLATION_UUID='${host.uuid}'\nMANAGEMENT_INTERFACE='xenbr0'\nPRODUCT_BRAND='XCP-ng'\nPRODUCT_VERSION='8.3.0'\n`,
  )
  put('etc/xensource/ptoken', secret)
  put('etc/xensource/lab-pool.json', JSON.stringify(pool, undefined, 2))
  files.setRole(first === undefined || first.uuid === host.uuid ? { kind: 'coordinator' } : { kind: 'member', of: first.address })
}
