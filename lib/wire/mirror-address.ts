import { Refusal } from '../core/domain/errors'

/** A TCP port on one or several addresses, one per link. */
export interface PortOnLinks {
  readonly addresses: readonly string[]
  readonly port: number
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Where a mirror's disk is served. */
export type DiskAddress = { readonly unix: string } | { readonly tcp: HostPort }

/** A value of an option that cannot be used: why, and what would do. */
export const badOption = (option: string, value: string, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_OPTION', { option, value: value.slice(0, 200), reason, todo })

/** More than this is no pair of machines any more. */
const LINKS_MAX = 8
/** sun_path holds 108 bytes with its NUL. */
const SOCKET_PATH_BYTES_MAX = 107

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]{2,45}(?:%\w{1,15})?)\]|([^:[\]\s/]{1,253})):([1-9]\d{0,4})$/
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
const HOST_NAME = /^(?!.*\.$)(?=.*[a-zA-Z])(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.|$))+$/

/** `host:port`: a name, an IPv4 address, or an IPv6 address in brackets. `written`: all that the operator wrote, and where it stands. */
export function hostPort(option: string, text: string, written = { value: text, before: '' }): HostPort {
  const match = HOST_PORT.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  const understood = host !== undefined && (match?.[1] !== undefined || IPV4.test(host) || HOST_NAME.test(host))
  if (understood && port <= 65_535) return { host, port }
  const [first, ...more] = ['10.0.0.1:7801', 'name.example:7801', '[fd00::1]:7801'].map((each) => `${written.before}${each}`)
  const reason = `${text === written.value ? 'It' : `"${text}"`} is not HOST:PORT.`
  throw badOption(option, written.value, reason, `Write it as ${first ?? ''}, ${more.join(' or ')}.`)
}

export const isIpAddress = (host: string): boolean => IPV4.test(host) || host.includes(':')

/** `host:port,host:port`: the same port on every link. */
export function portOnLinks(option: string, text: string, before = ''): PortOnLinks {
  const written = { value: `${before}${text}`, before }
  const each = text.split(',').map((part) => hostPort(option, part.trim(), written))
  const addresses = each.map(({ host }) => host)
  const [first] = each
  const refuse = (reason: string, todo: string): Refusal => badOption(option, written.value, reason, todo)
  if (first === undefined || each.length > LINKS_MAX)
    throw refuse(`There are more than ${LINKS_MAX} links.`, 'Name the best of them.')
  if (each.some(({ port }) => port !== first.port))
    throw refuse('The ports differ.', 'Use the same port on every link; only the addresses differ.')
  if (new Set(addresses).size < addresses.length) throw refuse('An address is named twice.', 'Name each link once.')
  const everywhere = addresses.find((address) => address === '0.0.0.0' || address === '::')
  if (everywhere !== undefined) throw refuse(`${everywhere} is no address of a link.`, 'Name the address of each link.')
  return { addresses, port: first.port }
}

/** `unix:/path` or `tcp:host:port`. */
export function diskAddress(option: string, text: string): DiskAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    checkSocketPath(option, text, path)
    return { unix: path }
  }
  if (text.startsWith('tcp:')) return { tcp: hostPort(option, text.slice('tcp:'.length), { value: text, before: 'tcp:' }) }
  throw badOption(option, text, 'It is neither unix:PATH nor tcp:HOST:PORT.', 'Write it as unix:/run/orders.sock.')
}

/** A longer path would be cut off silently by the system. */
export function checkSocketPath(option: string, value: string, path: string): void {
  if (!path.startsWith('/')) throw badOption(option, value, 'Its path does not begin with a slash.', 'Name the whole path.')
  const bytes = Buffer.byteLength(path)
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    const reason = `${path} has ${bytes} bytes, and a socket's path may have ${SOCKET_PATH_BYTES_MAX}.`
    throw badOption(option, value, reason, 'Choose a shorter path.')
  }
}

/** What `diskAddress` reads back. */
export function diskAddressText(at: DiskAddress): string {
  if ('unix' in at) return `unix:${at.unix}`
  const { host, port } = at.tcp
  return `tcp:${host.includes(':') ? `[${host}]` : host}:${port}`
}
