import { accessSync, constants, lstatSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '../../ports/log'
import { badOption, type DiskAddress, type PortOnLinks } from '../../wire/mirror-address'
import { codeOf } from '../system/system-error'

/**
 * Refuses addresses that are not this machine's. One that was used before is only warned about: its link may not be up yet, and
 * the worker tries it again. At least one must be there.
 */
export async function checkLinkAddresses(
  { addresses, port }: PortOnLinks,
  usedBefore: readonly string[],
  log: Log,
): Promise<void> {
  const absent: string[] = []
  for (const address of addresses) if (!(await canListen(address, 0, 'EADDRNOTAVAIL'))) absent.push(address)
  const strange =
    absent.find((address) => !usedBefore.includes(address)) ?? (absent.length === addresses.length ? absent[0] : undefined)
  if (strange !== undefined) {
    const shown = addresses.map((address) => `${address}:${port}`).join(',')
    throw badOption(
      'link',
      shown,
      `${strange} is no address of this machine.`,
      'Look at: ip address. Name addresses of this side here, and those of the other side with --peer.',
    )
  }
  if (absent.length > 0) log.warn('a link is not up yet; it is tried again', { addresses: absent })
}

/** Refuses a port that another process of this machine uses. */
export async function checkLinkPort({ addresses, port }: PortOnLinks): Promise<void> {
  for (const address of addresses) {
    if (await canListen(address, port, 'EADDRINUSE')) continue
    throw badOption('link', `${address}:${port}`, 'Another process listens there.', 'Give each mirror a port of its own.')
  }
}

/** False when listening fails with `code`; what else is wrong is for the worker to find. */
function canListen(host: string, port: number, code: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error) !== code))
    server.listen({ host, port }, () => server.close(() => resolve(true)))
  })
}

/** Refuses a place for the disk's socket that cannot be one, or is somebody else's; `beside`: sockets that go with it. */
export async function checkDiskAddress(listen: DiskAddress, beside: readonly string[]): Promise<void> {
  if ('tcp' in listen) {
    const { host, port } = listen.tcp
    const shown = `tcp:${host}:${port}`
    if (!(await canListen(host, port, 'EADDRNOTAVAIL')))
      throw badOption('listen', shown, `${host} is no address of this machine.`, 'Look at: ip address')
    if (!(await canListen(host, port, 'EADDRINUSE')))
      throw badOption('listen', shown, 'Another process listens there.', 'Choose another port.')
    return
  }
  const refuse = (reason: string, todo: string): Error => badOption('listen', `unix:${listen.unix}`, reason, todo)
  const folder = dirname(listen.unix)
  if (!isWritableFolder(folder))
    throw refuse(`${folder} is no folder that this user may write to.`, 'Make it, or choose another.')
  for (const path of [listen.unix, ...beside]) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined || found.isSocket()) continue
    throw refuse(`${path === listen.unix ? 'It' : path} exists and is no socket.`, 'Remove it, or choose another path.')
  }
  if (await isAnswered(listen.unix)) throw refuse('Another process serves it.', 'Give each mirror a socket of its own.')
}

function isWritableFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return statSync(path).isDirectory()
  } catch (error) {
    if (codeOf(error) === '') throw error
    return false
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'))
  })
}
