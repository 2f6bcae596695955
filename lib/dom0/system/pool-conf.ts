import { readFileSync } from 'node:fs'
import type { HostUuid } from '../../core/domain/ids'
import { codeOf } from './system-error'

interface NamedHost {
  readonly management: string
}

/**
 * Whom this host's xapi takes for the coordinator when it starts: `master`, or `slave:` and an address on the management network. Null where
 * the file is missing, or names nobody of `hosts`.
 */
export function coordinatorIn(file: string, self: HostUuid, hosts: Readonly<Record<string, NamedHost>>): HostUuid | null {
  const text = textOf(file).trim()
  if (text === 'master') return self
  const address = /^slave:\[?([^\]]+)\]?$/.exec(text)?.[1]
  const found = Object.entries(hosts).find(([, { management }]) => management === address)
  return found === undefined ? null : (found[0] as HostUuid)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}
