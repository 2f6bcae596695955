import { join } from 'node:path'
import { hostId, mirrorIds } from '../../lib/dom0/mirror/identity'
import type { MirrorRecord } from '../../lib/dom0/mirror/record'
import { diskAddressText } from '../../lib/wire/mirror-address'
import type { MirrorOptions } from '../../lib/wire/mirror-options'
import { formatReplicaSource } from '../../lib/wire/replica-source'
import type { DiskListen, WorkerSpec, WorkerVolume } from '../../lib/wire/worker-api'

/** A device and another server have no folder for metadata. */
export function placeOf({ replica, folder }: MirrorOptions): Pick<WorkerVolume, 'path' | 'source' | 'metadata'> {
  if (replica.kind === 'file') return { path: replica.path }
  return { path: formatReplicaSource(replica), source: replica, metadata: join(folder, 'replica') }
}

/** Where the worker serves when a front stands before it. */
export const behindFront = ({ folder }: MirrorOptions): string => join(folder, 'disk.sock')

/** What the worker is started with. */
export function specOf(options: MirrorOptions, pool: string | null, sizeBytes: number): WorkerSpec {
  const { name, host, folder, pair, resync } = options
  const { vm, volume } = mirrorIds(name)
  return {
    ...{ format: 1, id: vm, pool: pool ?? vm, host: hostId(host), vm: pair === null ? null : vm },
    ...{ witness: pair?.witness ?? null, poolKeyFile: pair?.keyFile ?? null },
    timelineFile: join(folder, 'timeline', 'worker.jsonl'),
    volumes: [{ key: volume, sizeBytes, ...placeOf(options) }],
    listen: pair === null ? null : pair.link,
    peer: pair === null ? null : { host: hostId(pair.peer.name), addresses: pair.peer.addresses, port: pair.peer.port },
    ...{ attached: {}, resync },
    ...(pair?.plain === true ? { link: { security: 'plain-loopback' } } : {}),
    exports: { [volume]: { exportName: name, listen: servedAt(options) } },
  }
}

function servedAt(options: MirrorOptions): DiskListen {
  const { listen, front, certificates } = options
  if ('tcp' in listen) return { tcp: { ...listen.tcp, certificates } }
  return front ? { unix: behindFront(options) } : listen
}

export const recordFrom = ({ name, host, pair, replica, listen }: MirrorOptions): MirrorRecord => ({
  ...{ name, host, peer: pair?.peer.name ?? '', replica: formatReplicaSource(replica), listen: diskAddressText(listen) },
  link: pair?.link.addresses ?? [],
})
