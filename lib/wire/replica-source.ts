/** Where a replica's bytes are: an image, a block device, or a disk that another NBD server keeps. */
export type ReplicaSource = FileSource | DeviceSource | NbdSource

/** Paths are absolute. */
export interface FileSource {
  readonly kind: 'file'
  readonly path: string
}

export interface DeviceSource {
  readonly kind: 'device'
  readonly path: string
}

export interface NbdSource {
  readonly kind: 'nbd'
  readonly address: NbdAddress
  /** May be empty: the server's default export. */
  readonly exportName: string
  readonly tls?: NbdTls
  /** tapdisk's server departs from the protocol in ways that cannot be seen in its greeting. */
  readonly dialect?: 'tapdisk'
  /** An answered write is on stable storage, although the server offers neither flush nor FUA. */
  readonly writeThrough?: boolean
}

export type NbdAddress = { readonly unix: string } | { readonly host: string; readonly port: number }

export interface NbdTls {
  /** Folder with `ca-cert.pem` and, for a server that wants to know its clients, `client-cert.pem` and `client-key.pem`. */
  readonly certificates: string
  /** The name in the server's certificate when it is not the address's host. */
  readonly hostname?: string
}

/** Registered for NBD. */
export const NBD_PORT = 10809

/** Nobody else can listen there, so a plaintext connection is as private as a unix socket. */
export const isLoopback = (host: string): boolean => /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/.test(host)

/** A guest's bytes cross a network only under TLS. */
export const isPlaintextAllowed = ({ address, tls }: NbdSource): boolean =>
  tls !== undefined || 'unix' in address || isLoopback(address.host)

/** The one text that `parseReplicaSource` reads back as the same source; for NBD the URI that libnbd's and QEMU's tools take. */
export function formatReplicaSource(source: ReplicaSource): string {
  if (source.kind === 'file') return `file:${source.path}`
  if (source.kind === 'device') return `dev:${source.path}`
  const { address, exportName, tls } = source
  const secure = tls === undefined ? 'nbd' : 'nbds'
  const place = 'unix' in address ? `${secure}+unix://` : `${secure}://${hostText(address.host)}:${address.port}`
  return `${place}/${escaped(exportName)}${queryText(source)}`
}

const hostText = (host: string): string => (host.includes(':') ? `[${host.replace('%', '%25')}]` : host)

function queryText({ address, tls, dialect, writeThrough }: NbdSource): string {
  const given: [string, string | undefined][] = [
    ['socket', 'unix' in address ? address.unix : undefined],
    ['tls-certificates', tls?.certificates],
    ['tls-hostname', tls?.hostname],
    ['dialect', dialect],
    ['write-through', writeThrough === true ? 'yes' : undefined],
  ]
  const parts = given.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${escaped(value)}`]))
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

const escaped = (text: string): string => encodeURIComponent(text).replaceAll('%2F', '/')
