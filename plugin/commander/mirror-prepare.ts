import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../../lib/core/domain/errors'
import { replicaVerdict, type ReplicaVerdict } from '../../lib/core/standalone/replica-verdict'
import { lockDirectory } from '../../lib/dom0/directory-lock'
import { presentClaim, refuseSecondCreate, storeFirstClaim, type PairFacts } from '../../lib/dom0/mirror/first-claim'
import { firstReplica, giveUpFirstReplica } from '../../lib/dom0/mirror/first-replica'
import { hostId, mirrorIds, poolOfKey } from '../../lib/dom0/mirror/identity'
import { endOrphan } from '../../lib/dom0/mirror/orphan'
import { readMirrorRecord, writeMirrorRecord, writeWhole, type MirrorRecord } from '../../lib/dom0/mirror/record'
import { lookAtReplica, type ReplicaAsFound } from '../../lib/dom0/mirror/replica-facts'
import { checkDiskAddress, checkLinkAddresses, checkLinkPort } from '../../lib/dom0/mirror/surroundings'
import { PoolKeyUnusable, readPoolKey } from '../../lib/dom0/pool-keys'
import { codeOf, textOf } from '../../lib/dom0/system-error'
import type { Log } from '../../lib/ports/log'
import { badOption, diskAddressText } from '../../lib/wire/mirror-address'
import type { MirrorOptions, MirrorPair } from '../../lib/wire/mirror-options'
import { formatReplicaSource } from '../../lib/wire/replica-source'
import { Malformed } from '../../lib/wire/shape'
import type { WorkerSpec, WorkerVolume } from '../../lib/wire/worker-api'

/**
 * Looks at everything, then makes what a first start makes, then writes the worker's spec.json. Rejects with Refusal, and then
 * nothing was changed. The folder stays locked until this process ends.
 */
export async function prepareSide(options: MirrorOptions, log: Log): Promise<WorkerSpec> {
  const pool = options.pair === null ? null : poolOf(options.pair)
  const record = recordOf(options)
  const made = occupy(options)
  try {
    await endOrphan(join(options.folder, 'control.sock'))
    const verdict = await looked(options, record, log)
    const spec = specOf(options, pool, verdict.sizeBytes)
    await settleClaim(options, spec, verdict, log)
    writeMirrorRecord(options.folder, recordFrom(options, record))
    writeWhole(join(options.folder, 'spec.json'), spec)
    return spec
  } catch (error) {
    if (error instanceof Refusal && made !== null) rmSync(made, { recursive: true })
    throw error
  }
}

function poolOf({ keyFile }: MirrorPair): string {
  try {
    return poolOfKey(keyFile)
  } catch (error) {
    if (!(error instanceof PoolKeyUnusable)) throw error
    throw badOption('key', keyFile, error.message, 'The same key belongs on both sides and at the witness.')
  }
}

const folderRefusal = ({ folder, name }: MirrorOptions, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_FOLDER', { folder, mirror: name, reason, todo })

/** Locks the folder, made if need be; answers the first folder that had to be made. */
function occupy(options: MirrorOptions): string | null {
  const { folder } = options
  try {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 }) ?? null
    const lock = lockDirectory(folder)
    if ('release' in lock) return made
    throw folderRefusal(
      options,
      `Process ${lock.holder} serves it already.`,
      `Look at: holdfast mirror status --folder ${folder}`,
    )
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw folderRefusal(options, `${textOf(error)}.`, 'Choose a folder that this user may write to.')
  }
}

function recordOf(options: MirrorOptions): MirrorRecord | null {
  const record = recordIn(options)
  if (record === null) return null
  for (const which of ['name', 'host'] as const) {
    if (record[which] === options[which]) continue
    const reason = `It belongs to ${record.name} on ${record.host}, and --${which} says ${options[which]}.`
    throw folderRefusal(options, reason, 'Give each mirror a folder of its own on each side.')
  }
  return record
}

function recordIn(options: MirrorOptions): MirrorRecord | null {
  try {
    return readMirrorRecord(options.folder)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw folderRefusal(options, `Its mirror.json is not understood: ${error.message}.`, 'Remove mirror.json if it is damaged.')
  }
}

async function looked(options: MirrorOptions, record: MirrorRecord | null, log: Log): Promise<ReplicaVerdict> {
  const { name, replica, pair, create, overwrite, sizeBytes, listen } = options
  if (pair !== null) {
    await checkLinkAddresses(pair.link, record?.link ?? [], log)
    await checkLinkPort(pair.link)
  }
  await checkDiskAddress(listen)
  const place = formatReplicaSource(replica)
  return replicaVerdict({
    ...{ mirror: name, place, volume: mirrorIds(name).volume, create, overwrite, sizeBytesAsked: sizeBytes },
    ...{ alone: pair === null, servedBefore: record?.replica === place },
    ...(await lookAt(options, place)),
  })
}

async function lookAt(options: MirrorOptions, place: string): Promise<ReplicaAsFound> {
  const { path, metadata } = placeOf(options)
  try {
    return await lookAtReplica(options.replica, metadata ?? path)
  } catch (error) {
    if (codeOf(error) === '') throw error
    const todo = 'Name a replica that can be opened here, and that nothing else uses.'
    throw new Refusal('HOLDFAST_MIRROR_REPLICA', { mirror: options.name, replica: place, reason: `${textOf(error)}.`, todo })
  }
}

/** A device and another server have no folder for metadata. */
function placeOf({ replica, folder }: MirrorOptions): Pick<WorkerVolume, 'path' | 'source' | 'metadata'> {
  if (replica.kind === 'file') return { path: replica.path }
  return { path: formatReplicaSource(replica), source: replica, metadata: join(folder, 'replica') }
}

function specOf(options: MirrorOptions, pool: string | null, sizeBytes: number): WorkerSpec {
  const { name, host, folder, listen, pair, front } = options
  const { vm, volume } = mirrorIds(name)
  const served = front || 'tcp' in listen ? { unix: join(folder, 'disk.sock') } : listen
  return {
    ...{ format: 1, id: vm, pool: pool ?? vm, host: hostId(host), vm: pair === null ? null : vm },
    ...{ witness: pair?.witness ?? null, poolKeyFile: pair?.keyFile ?? null },
    timelineFile: join(folder, 'timeline', 'worker.jsonl'),
    volumes: [{ key: volume, sizeBytes, ...placeOf(options) }],
    listen: pair === null ? null : pair.link,
    peer: pair === null ? null : { host: hostId(pair.peer.name), addresses: pair.peer.addresses, port: pair.peer.port },
    attached: {},
    exports: { [volume]: { exportName: name, listen: served } },
  }
}

const recordFrom = ({ name, host, pair, replica, listen }: MirrorOptions, last: MirrorRecord | null): MirrorRecord => ({
  ...{ name, host, peer: pair?.peer.name ?? '', replica: formatReplicaSource(replica), listen: diskAddressText(listen) },
  link: [...new Set([...(pair?.link.addresses ?? []), ...(last?.link ?? [])])],
})

/** Makes the first replica and the first claim, or looks whose the claim is. */
async function settleClaim(options: MirrorOptions, spec: WorkerSpec, { act }: ReplicaVerdict, log: Log): Promise<void> {
  const { name, host, pair, create } = options
  const [volume] = spec.volumes
  if (volume === undefined) return
  if (pair === null) {
    if (create) await firstReplica(act, volume)
    return
  }
  const facts: PairFacts = {
    ...{ mirror: name, ids: mirrorIds(name), witness: pair.witness, pool: spec.pool, key: readPoolKey(pair.keyFile), log },
    hosts: new Map([
      [spec.host, host],
      [hostId(pair.peer.name), pair.peer.name],
    ]),
  }
  if (!create) {
    await lookAtClaim(facts)
    return
  }
  await refuseSecondCreate(facts)
  const term = await firstReplica(act, volume)
  try {
    await storeFirstClaim(facts, spec.host, term)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'HOLDFAST_MIRROR_CLAIM') await giveUpFirstReplica(volume)
    throw error
  }
}

/** A silent witness is no reason to stay away: the worker waits for it. */
async function lookAtClaim(facts: PairFacts): Promise<void> {
  try {
    const stored = await presentClaim(facts)
    if (stored === null) facts.log.info('no claim yet: waiting for the other side to be started with --create')
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_WITNESS_UNREACHABLE') throw error
    facts.log.warn('the witness does not answer; waiting for it', { reason: error.facts['reason'] })
  }
}
