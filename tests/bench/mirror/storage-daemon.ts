import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { Child } from '../child'
import { makeCertificates } from './certificates'
import { copyTemplate } from './places'
import type { BenchDisk, Setting, Subject, SubjectKind } from './subject'

interface FileUse {
  readonly aio: 'threads' | 'io_uring'
  /** The page cache, as Holdfast uses it, or none (O_DIRECT). Either way a flush reaches the disk. */
  readonly cache: 'page' | 'none'
}

interface QuorumUse extends FileUse {
  readonly link: 'tcp' | 'unix'
}

/** One file behind one daemon: no mirror. */
export const single = (name: string, use: FileUse): SubjectKind => ({
  name,
  text: `one qemu-storage-daemon, one file, no mirror (${useText(use)})`,
  part: 'floor',
  unable: () => null,
  start: async (_setting, disk) => {
    const image = await copyTemplate(disk, 'single.raw')
    const socket = join(disk.folder, 's.sock')
    const daemon = startDaemon('daemon', disk, [...fileNode('disk', image, use), ...served('disk', unixAddress(socket))])
    await daemon.until('serving', () => answers({ path: socket }))
    return { uri: uriOf(socket), processes: [daemon], copies: [image], stop: () => daemon.stop() }
  },
})

/** A daemon with a quorum of a file and of an NBD client to a second daemon. Reads come from the first child, the file. */
export const quorum = (name: string, use: QuorumUse): SubjectKind => ({
  name,
  text: `qemu-storage-daemon: quorum of a file and a second daemon over ${LINKS[use.link]} (${useText(use)})`,
  part: 'peer',
  unable: ({ place }) => (use.cache === 'none' && place === 'tmpfs' ? 'files in memory cannot go past the page cache' : null),
  start: (setting, disk) => startQuorum(use, setting, disk),
})

const LINKS = { tcp: 'loopback TCP', unix: 'a unix socket' } as const
const useText = ({ aio, cache }: FileUse): string => `aio=${aio}, ${cache === 'page' ? 'page cache' : 'cache.direct'}`

async function startQuorum(use: QuorumUse, { tls }: Setting, disk: BenchDisk): Promise<Subject> {
  const { folder } = disk
  const near = await copyTemplate(disk, 'primary.raw')
  const far = await copyTemplate(disk, 'secondary.raw')
  const between = use.link === 'tcp' ? { host: '127.0.0.1', port: await freePort() } : { path: join(folder, 'l.sock') }
  const socket = join(folder, 'q.sock')
  if (tls) await makeCertificates(folder)
  const credentials = (endpoint: 'server' | 'client'): string[] =>
    tls ? ['--object', `tls-creds-x509,id=tls,dir=${folder},endpoint=${endpoint},verify-peer=on,priority=${PRIORITY}`] : []
  const secondary = startDaemon('secondary', disk, [
    ...credentials('server'),
    ...fileNode('disk', far, use),
    ...served('disk', `${'path' in between ? unixAddress(between.path) : tcpAddress(between)}${tls ? ',tls-creds=tls' : ''}`),
  ])
  try {
    await secondary.until('serving', () => answers(between))
    const primary = startDaemon('primary', disk, [
      ...credentials('client'),
      ...fileNode('near', near, use),
      '--blockdev',
      `driver=nbd,node-name=far,export=disk,${serverOf(between)}${tls ? ',tls-creds=tls,tls-hostname=localhost' : ''}`,
      '--blockdev',
      'driver=quorum,node-name=disk,vote-threshold=1,read-pattern=fifo,children.0=near,children.1=far',
      ...served('disk', unixAddress(socket)),
    ])
    const stop = async (): Promise<void> => {
      await primary.stop()
      await secondary.stop()
    }
    try {
      await primary.until('serving', () => answers({ path: socket }))
    } catch (error) {
      await primary.stop()
      throw error
    }
    return { uri: uriOf(socket), processes: [primary, secondary], copies: [near, far], stop }
  } catch (error) {
    await secondary.stop()
    throw error
  }
}

/** The fastest cipher of gnutls here: a tenth above AES-256, twice ChaCha20. */
const PRIORITY = 'NORMAL:-CIPHER-ALL:+AES-128-GCM'

const startDaemon = (name: string, { folder }: BenchDisk, args: readonly string[]): Child =>
  new Child(name, ['qemu-storage-daemon', ...args], { log: join(folder, `${name}.log`) })

const fileNode = (name: string, image: string, { aio, cache }: FileUse): string[] => [
  '--blockdev',
  `driver=file,node-name=${name},filename=${image},aio=${aio},cache.direct=${cache === 'none' ? 'on' : 'off'},cache.no-flush=off`,
]

/**
 * No iothread: an export in one ends the whole daemon by an assertion when its first client goes (7.2), and fio's clients come
 * and go.
 */
const served = (node: string, address: string): string[] => [
  '--nbd-server',
  address,
  '--export',
  `type=nbd,id=export,node-name=${node},name=disk,writable=on`,
]

const unixAddress = (path: string): string => `addr.type=unix,addr.path=${path}`
const tcpAddress = ({ host, port }: { host: string; port: number }): string =>
  `addr.type=inet,addr.host=${host},addr.port=${port}`
const serverOf = (to: { path: string } | { host: string; port: number }): string =>
  'path' in to ? `server.type=unix,server.path=${to.path}` : `server.type=inet,server.host=${to.host},server.port=${to.port}`
const uriOf = (socket: string): string => `nbd+unix:///disk?socket=${socket}`

/** True when somebody accepts there, null when not yet. */
function answers(address: { path: string } | { host: string; port: number }): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = createConnection(address)
    socket.once('error', () => resolve(null))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port on loopback')
  return address.port
}
