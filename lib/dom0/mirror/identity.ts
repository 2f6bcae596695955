import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { hostUuid, isUuid, vmUuid, volumeKey, type HostUuid, type VmUuid, type VolumeKey } from '../../core/domain/ids'
import { readPoolKey } from '../witness/pool-keys'

/** What the witness and the two sides call a mirror: made from its name, so that both sides agree without a word. */
export interface MirrorIds {
  readonly vm: VmUuid
  readonly volume: VolumeKey
}

export const mirrorIds = (name: string): MirrorIds => ({
  vm: vmUuid(uuidOf('mirror', name)),
  volume: volumeKey(uuidOf('volume', name)),
})

export const hostId = (host: string): HostUuid => hostUuid(uuidOf('host', host))

/**
 * The pool that a key belongs to: named by the file, as witnesses with many keys want it (`<pool uuid>.key`), or made from the
 * key itself. Throws PoolKeyUnusable.
 */
export function poolOfKey(keyFile: string): string {
  const key = readPoolKey(keyFile)
  const [, named = ''] = /^(.*)\.key$/.exec(basename(keyFile)) ?? []
  return isUuid(named) ? named : uuidOf('pool', key)
}

/** Version 8 of RFC 9562: bits of our own, here of a hash that a key cannot be found from. */
function uuidOf(kind: string, of: string | Buffer): string {
  const bytes = createHash('sha256').update(`holdfast ${kind}\0`).update(of).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
