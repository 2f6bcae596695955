import { Refusal } from '../../lib/core/domain/errors'
import { replicaVerdict, type ReplicaVerdict } from '../../lib/core/standalone/replica-verdict'
import { mirrorIds, poolOfKey } from '../../lib/dom0/mirror/identity'
import type { MirrorRecord } from '../../lib/dom0/mirror/record'
import { lookAtReplica, type ReplicaAsFound } from '../../lib/dom0/mirror/replica-facts'
import { checkDiskAddress, checkLinkAddresses, checkLinkPort } from '../../lib/dom0/mirror/surroundings'
import { serverCertificates } from '../../lib/dom0/nbd/nbd-certificates'
import { PoolKeyUnusable } from '../../lib/dom0/witness/pool-keys'
import { codeOf, textOf } from '../../lib/dom0/system/system-error'
import type { Log } from '../../lib/ports/log'
import { badOption } from '../../lib/wire/mirror-address'
import type { MirrorOptions } from '../../lib/wire/mirror-options'
import type { MirrorPair } from '../../lib/wire/mirror-pair'
import { formatReplicaSource } from '../../lib/wire/replica-source'
import { socketsBeside } from './mirror-sockets'
import { placeOf } from './mirror-spec'

/** Throws Refusal for a key file that cannot be used. */
export function poolOf({ keyFile }: MirrorPair): string {
  try {
    return poolOfKey(keyFile)
  } catch (error) {
    if (!(error instanceof PoolKeyUnusable)) throw error
    throw badOption('key', keyFile, error.reason, error.todo)
  }
}

/**
 * Refuses what this machine does not have, what is in use, and a replica that does not fit; says what becomes of one that does.
 */
export async function lookAround(options: MirrorOptions, record: MirrorRecord | null, log: Log): Promise<ReplicaVerdict> {
  const { name, replica, pair, create, overwrite, sizeBytes, listen, certificates } = options
  if (pair !== null) {
    await checkLinkAddresses(pair.link, record?.link ?? [], log)
    await checkLinkPort(pair.link)
  }
  await checkDiskAddress(listen, socketsBeside(options))
  checkCertificates(certificates)
  const place = formatReplicaSource(replica)
  if (pair === null && create && record !== null && record.replica !== place)
    throw replicaRefusal(options, `This folder serves ${record.replica}.`, 'Give another disk a folder and a name of its own.')
  return replicaVerdict({
    ...{ mirror: name, place, volume: mirrorIds(name).volume, create, overwrite, sizeBytesAsked: sizeBytes },
    ...{ alone: pair === null, servedBefore: record?.replica === place },
    ...(await lookAt(options)),
  })
}

function checkCertificates(folder: string | null): void {
  if (folder === null) return
  try {
    serverCertificates(folder)
  } catch (error) {
    if (codeOf(error) === '') throw error
    const todo = 'It holds ca-cert.pem, server-cert.pem and server-key.pem, as for QEMU.'
    throw badOption('tls', folder, `${textOf(error)}.`, todo)
  }
}

async function lookAt(options: MirrorOptions): Promise<ReplicaAsFound> {
  const { path, metadata } = placeOf(options)
  try {
    return await lookAtReplica(options.replica, metadata ?? path)
  } catch (error) {
    if (codeOf(error) === '') throw error
    const todo = 'Name a replica that can be opened here, and that nothing else uses.'
    throw replicaRefusal(options, `${textOf(error)}.`, todo)
  }
}

export const replicaRefusal = ({ name, replica }: MirrorOptions, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_REPLICA', { mirror: name, replica: formatReplicaSource(replica), reason, todo })
