import { NBD_PORT, type NbdAddress, type NbdSource, type NbdTls } from './replica-source'
import {
  absolutePath,
  exportName,
  printable,
  reachableSafely,
  shown,
  tcpAddress,
  unixAddress,
  Unreadable,
} from './replica-source-parts'

type Given = ReadonlyMap<string, string>

const PARAMETERS = ['socket', 'tls-certificates', 'tls-hostname', 'dialect', 'write-through']

/** The source that an NBD URI names; null for what is no NBD URI. Throws Unreadable. */
export function nbdUri(text: string): NbdSource | null {
  const parts = /^nbd(s?)(\+unix)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/.exec(text)
  if (parts === null) return null
  const [, secure, unix, authority = '', path = '', query = '', fragment] = parts
  if (fragment !== undefined) throw new Unreadable('A number sign means nothing here.', 'Write %23 where it is part of a name.')
  if (authority.includes('@'))
    throw new Unreadable('It names a user, and a server is told who asks by certificates only.', 'Leave out what precedes the @.')
  const given = parameters(query)
  const address = unix === undefined ? tcp(authority, given) : socket(authority, given)
  const tls = tlsOf(given, secure === 's')
  if (tls?.hostname === undefined && tls !== null && 'unix' in address)
    throw new Unreadable('A unix socket has no name to look for in a certificate.', 'Add tls-hostname= with the name in it.')
  return reachableSafely({
    ...{ kind: 'nbd', address, exportName: exportName(unescaped(path)) },
    ...(tls === null ? {} : { tls }),
    ...(isGiven(given, 'dialect', 'tapdisk') ? { dialect: 'tapdisk' } : {}),
    ...(isGiven(given, 'write-through', 'yes') ? { writeThrough: true } : {}),
  })
}

function parameters(query: string): Given {
  const given = new Map<string, string>()
  for (const part of query === '' ? [] : query.split('&')) {
    const [key = '', ...rest] = part.split('=')
    if (!PARAMETERS.includes(key))
      throw new Unreadable(`There is no parameter "${shown(key)}".`, `Use none but ${PARAMETERS.join(', ')}.`)
    if (given.has(key)) throw new Unreadable(`The parameter ${key} is given twice.`, 'Give it once.')
    given.set(key, unescaped(rest.join('=')))
  }
  return given
}

function tlsOf(given: Given, secure: boolean): NbdTls | null {
  const certificates = given.get('tls-certificates')
  const hostname = given.get('tls-hostname')
  if (!secure && certificates === undefined && hostname === undefined) return null
  if (!secure) throw new Unreadable('It has parameters of TLS in a scheme without.', 'Write nbds:// or nbds+unix://.')
  if (certificates === undefined)
    throw new Unreadable('It does not say whom to trust.', 'Add tls-certificates= with the folder of ca-cert.pem.')
  if (hostname === '') throw new Unreadable('tls-hostname is empty.', 'Leave it out, or write the name in the certificate.')
  return { certificates: absolutePath(certificates, 'certificates'), ...(hostname === undefined ? {} : { hostname }) }
}

function isGiven(given: Given, key: string, only: string): boolean {
  const value = given.get(key)
  if (value !== undefined && value !== only)
    throw new Unreadable(`${key} is "${shown(value)}".`, `Write ${key}=${only}, or leave it out.`)
  return value !== undefined
}

function socket(authority: string, given: Given): NbdAddress {
  if (authority !== '') throw new Unreadable('A unix socket has no host.', 'Write three slashes: nbd+unix:///name?socket=/path.')
  const path = given.get('socket')
  if (path === undefined) throw new Unreadable('It does not say which socket.', 'Add ?socket= with the path of the socket.')
  return unixAddress(path)
}

function tcp(authority: string, given: Given): NbdAddress {
  if (given.has('socket')) throw new Unreadable('A TCP address has no socket.', 'Write nbd+unix:// for a unix socket.')
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(authority)
  if (parts === null) throw new Unreadable('Host and port cannot be told apart.', 'Put an IPv6 address in brackets.')
  return tcpAddress(unescaped(parts[1] ?? ''), parts[2] ?? String(NBD_PORT))
}

function unescaped(text: string): string {
  try {
    return printable(decodeURIComponent(text))
  } catch (error) {
    if (error instanceof URIError) throw new Unreadable('A percent sign in it begins no escape.', 'Write %25 for a percent sign.')
    throw error
  }
}
