import { isPlaintextAllowed, type NbdAddress, type NbdSource } from './replica-source'
import { SOCKET_PATH_BYTES_MAX } from './socket-path'

/** Why a text names no replica, and what to write instead. Leaves this folder as a Refusal only. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  constructor(
    readonly reason: string,
    readonly todo: string,
  ) {
    super(reason)
  }
}

const PATH_BYTES_MAX = 4095
/** What NBD allows for a name. */
const NAME_BYTES_MAX = 4096

/** What was given, fit for a message. */
export function shown(text: string): string {
  const plain = text.slice(0, 200).replace(/[\p{Cc}\p{Cs}]/gu, '?')
  return text.length > 200 ? `${plain}...` : plain
}

/** Neither a log line nor a terminal nor UTF-8 has room for them. */
export function printable(text: string): string {
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw new Unreadable('It contains a control character.', 'Rename what it names.')
  return text
}

export function absolutePath(path: string, what: string): string {
  if (!path.startsWith('/'))
    throw new Unreadable(`The path of the ${what} does not begin with a slash.`, 'Write the whole path, from the root.')
  if (path === '/') throw new Unreadable(`The path of the ${what} is the root.`, `Name the ${what} itself.`)
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new Unreadable(`The path is longer than ${PATH_BYTES_MAX} bytes.`, 'Use a shorter path.')
  return path
}

/** A path of something that is no folder. */
export function leafPath(path: string, what: string): string {
  if (path.length > 1 && path.endsWith('/'))
    throw new Unreadable(`The path of the ${what} names a folder.`, `Name the ${what} itself.`)
  return absolutePath(path, what)
}

export function unixAddress(path: string): NbdAddress {
  const unix = leafPath(path, 'socket')
  if (Buffer.byteLength(unix) > SOCKET_PATH_BYTES_MAX)
    throw new Unreadable(
      `The path is longer than ${SOCKET_PATH_BYTES_MAX} bytes, the most a socket may have.`,
      'Use a shorter path.',
    )
  return { unix }
}

/** An IPv6 host comes in brackets. */
export function tcpAddress(bracketed: string, portText: string): NbdAddress {
  const v6 = /^\[([0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[\w.-]+)?)\]$/.exec(bracketed)
  const host = v6?.[1] ?? bracketed
  if (v6 === null && !/^[\w.-]{1,253}$/.test(host))
    throw new Unreadable(`"${shown(host)}" is no host.`, 'Write its name or address, an IPv6 address in brackets.')
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0
  if (port < 1 || port > 65_535) throw new Unreadable(`"${shown(portText)}" is no port.`, 'Write a number from 1 to 65535.')
  return { host, port }
}

export function exportName(name: string): string {
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw new Unreadable(`The name of the export is longer than ${NAME_BYTES_MAX} bytes.`, 'Use a name that the server lists.')
  return name
}

export function reachableSafely(source: NbdSource): NbdSource {
  if (isPlaintextAllowed(source)) return source
  throw new Unreadable(
    'The bytes of the disk would cross the network in plain text.',
    'Write nbds://host:port/name?tls-certificates=/folder, or tunnel it to a unix socket.',
  )
}
