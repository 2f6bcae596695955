import { Refusal } from '../core/domain/errors'
import type { NbdSource, ReplicaSource } from './replica-source'
import {
  exportName,
  leafPath,
  printable,
  reachableSafely,
  shown,
  tcpAddress,
  unixAddress,
  Unreadable,
} from './replica-source-parts'
import { nbdUri } from './replica-source-uri'

const TEXT_LENGTH_MAX = 16_384
const FORMS = 'file:/path, dev:/dev/path, nbd:unix:/path[:name] or nbd:tcp:host:port[:name]'

/**
 * Reads `file:PATH`, `dev:PATH`, `nbd:unix:PATH[:NAME]`, `nbd:tcp:HOST:PORT[:NAME]` (an IPv6 host in brackets) and the NBD URIs
 * `nbd://HOST[:PORT]/NAME` and `nbd+unix:///NAME?socket=PATH`; with TLS `nbds` and `tls-certificates=FOLDER[&tls-hostname=NAME]`;
 * `dialect=tapdisk` or `write-through=yes` where the server needs it. Throws Refusal `HOLDFAST_BAD_REPLICA`.
 */
export function parseReplicaSource(text: string): ReplicaSource {
  try {
    return read(text)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new Refusal('HOLDFAST_BAD_REPLICA', { replica: shown(text), reason: error.reason, todo: error.todo })
  }
}

function read(text: string): ReplicaSource {
  if (text.length > TEXT_LENGTH_MAX)
    throw new Unreadable(`It is longer than ${TEXT_LENGTH_MAX} characters.`, 'Use shorter paths and names.')
  const uri = nbdUri(printable(text))
  if (uri !== null) return uri
  if (text.startsWith('file:')) return { kind: 'file', path: leafPath(text.slice(5), 'image') }
  if (text.startsWith('dev:')) return { kind: 'device', path: leafPath(text.slice(4), 'device') }
  if (text.startsWith('nbd:unix:')) return unixShort(text.slice(9))
  if (text.startsWith('nbd:tcp:')) return tcpShort(text.slice(8))
  if (text.startsWith('/'))
    throw new Unreadable('It does not say what kind of replica it is.', `Write file:${shown(text)} for an image.`)
  throw new Unreadable('It begins with none of file:, dev: and nbd:.', `Write ${FORMS}.`)
}

/** A path that contains a colon needs the URI. */
function unixShort(rest: string): NbdSource {
  withoutParameters(rest)
  const colon = rest.indexOf(':')
  const [path, name] = colon < 0 ? [rest, ''] : [rest.slice(0, colon), rest.slice(colon + 1)]
  return { kind: 'nbd', address: unixAddress(path), exportName: exportName(name) }
}

function tcpShort(rest: string): NbdSource {
  withoutParameters(rest)
  const parts = /^(\[[^\]]*\]|[^:[\]]*):([^:]*)(?::(.*))?$/.exec(rest)
  if (parts === null) throw new Unreadable('It has no port.', 'Write nbd:tcp:host:port, an IPv6 address in brackets.')
  const [, host = '', port = '', name = ''] = parts
  return reachableSafely({ kind: 'nbd', address: tcpAddress(host, port), exportName: exportName(name) })
}

/** Taken as part of a name they would be ignored without a word. */
function withoutParameters(rest: string): void {
  if (rest.includes('?'))
    throw new Unreadable(
      'A question mark and what follows it belong to an NBD URI.',
      'Write nbd+unix:///name?socket=/path&... or nbd://host:port/name?...; %3F where it is part of a name.',
    )
}
