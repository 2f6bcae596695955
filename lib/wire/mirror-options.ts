import { sizeTrouble } from '../core/domain/disk-size'
import { bytesIn } from './byte-count'
import { badOption, checkSocketPath, diskAddress, type DiskAddress } from './mirror-address'
import { mirrorResync, type ResyncArguments } from './mirror-resync'
import { checkedName, mirrorPair, type MirrorPair, type PairArguments } from './mirror-pair'
import { isLoopback, type ReplicaSource } from './replica-source'
import { parseReplicaSource } from './replica-source-parse'
import type { ResyncSettings } from './resync-settings'

/** What the operator wrote behind `holdfast mirror serve`; file and folder names are whole paths. */
export interface MirrorArguments extends PairArguments, ResyncArguments {
  readonly name: string
  readonly host: string
  readonly folder: string
  readonly replica: string
  readonly listen: string
  readonly size?: string
  readonly create?: boolean
  readonly overwrite?: boolean
  readonly front?: boolean
  readonly tls?: string
}

/** One side of a stand-alone mirror. */
export interface MirrorOptions {
  readonly name: string
  readonly host: string
  readonly folder: string
  readonly replica: ReplicaSource
  readonly listen: DiskAddress
  /** Folder with the certificates of a disk that is served over TCP; null: without TLS. */
  readonly certificates: string | null
  /** Null: as large as the replica is. */
  readonly sizeBytes: number | null
  /** Null: a mirror of one. */
  readonly pair: MirrorPair | null
  readonly create: boolean
  readonly overwrite: boolean
  readonly front: boolean
  readonly resync: ResyncSettings
}

/** Throws Refusal HOLDFAST_MIRROR_OPTION, which names the option, why it cannot be so, and what would do. */
export function mirrorOptions(given: MirrorArguments): MirrorOptions {
  const { folder, create = false, overwrite = false, front = false } = given
  const name = checkedName('name', given.name)
  const host = checkedName('host', given.host)
  checkSocketPath('folder', folder, `${folder}/control.sock`)
  const listen = diskAddress('listen', given.listen)
  checkListen(given, listen)
  if (create && overwrite)
    throw badOption(
      'create',
      'used with --overwrite',
      'The one keeps what is there, and the other gives it up.',
      'Use one of them.',
    )
  return {
    ...{ name, host, folder, listen, certificates: given.tls ?? null, create, overwrite, front },
    replica: parseReplicaSource(given.replica),
    sizeBytes: given.size === undefined ? null : sizeBytes(given.size),
    pair: mirrorPair(given, host),
    resync: mirrorResync(given),
  }
}

function checkListen({ listen: text, front, tls }: MirrorArguments, listen: DiskAddress): void {
  if ('unix' in listen) {
    if (tls === undefined) return
    throw badOption('tls', tls, 'A unix socket needs no TLS.', 'Leave --tls out, or use --listen tcp:HOST:PORT.')
  }
  if (front === true) throw badOption('listen', text, 'A front serves a unix socket.', 'Use unix:PATH, or leave --front out.')
  if (tls === undefined && !isLoopback(listen.tcp.host))
    throw badOption(
      'listen',
      text,
      'Without TLS a disk is served on loopback addresses only.',
      'Add --tls FOLDER, or use unix:PATH.',
    )
}

/** `10G`, `512M`, or a number of bytes. */
export function sizeBytes(text: string): number {
  const bytes = bytesIn(text)
  if (bytes === null) throw badOption('size', text, 'It is not a size.', 'Write it as 10G, 512M, or a number of bytes.')
  const trouble = sizeTrouble(bytes)
  if (trouble !== '') throw badOption('size', text, trouble, 'Choose another size.')
  return bytes
}
