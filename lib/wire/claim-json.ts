import type { Claim, Decision, StoredClaim } from '../core/domain/claim'
import type { ClaimRecord } from '../core/domain/claim-record'
import { CLAIM_LIMITS } from '../core/domain/claim-request'
import { RUN_LIMIT } from '../core/domain/guest-memory'
import { type HostUuid, hostUuid, isUuid, vmUuid, type VolumeKey, volumeKey } from '../core/domain/ids'
import { fields, id, list, Malformed, text, wholeNumber } from './shape'

/** A claim out of JSON. Unknown fields are dropped, so a newer host can talk to an older witness. Throws Malformed. */
export function claimOf(value: unknown): Claim {
  const claim = fields(value, 'claim')
  return {
    vm: id(vmUuid, claim['vm'], 'claim.vm'),
    term: wholeNumber(claim['term'], 'claim.term'),
    holder: id(hostUuid, claim['holder'], 'claim.holder'),
    leaseMs: wholeNumber(claim['leaseMs'], 'claim.leaseMs'),
    upToDate: upToDateOf(claim['upToDate']),
    lockstep: lockstepOf(claim['lockstep']),
    ...(claim['decided'] === undefined ? {} : { decided: decisionOf(claim['decided']) }),
    ...(claim['lossAccepted'] === undefined ? {} : { lossAccepted: wholeNumber(claim['lossAccepted'], 'claim.lossAccepted') }),
  }
}

function decisionOf(value: unknown): Decision {
  const decided = fields(value, 'claim.decided')
  return {
    generation: wholeNumber(decided['generation'], 'claim.decided.generation'),
    by: text(decided['by'], 'claim.decided.by'),
  }
}

function upToDateOf(value: unknown): Record<VolumeKey, readonly HostUuid[]> {
  const disks = Object.entries(fields(value, 'claim.upToDate'))
  if (disks.length > CLAIM_LIMITS.disks) throw new Malformed('claim.upToDate has too many disks')
  const upToDate: Record<VolumeKey, readonly HostUuid[]> = {}
  let inAll = 0
  for (const [key, hosts] of disks) {
    const names = list(hosts, 'claim.upToDate[disk]', CLAIM_LIMITS.hostsPerDisk)
    inAll += names.length
    if (inAll > CLAIM_LIMITS.hostsInAll) throw new Malformed('claim.upToDate names too many hosts')
    upToDate[id(volumeKey, key, 'disk')] = names.map((host) => id(hostUuid, host, 'claim.upToDate[disk][]'))
  }
  return upToDate
}

function lockstepOf(value: unknown): Claim['lockstep'] {
  if (value === null) return null
  const lockstep = fields(value, 'claim.lockstep')
  const secondary = id(hostUuid, lockstep['secondary'], 'claim.lockstep.secondary')
  return { secondary, run: runOf(lockstep['run'], 'claim.lockstep.run') }
}

export function runOf(value: unknown, place: string): number {
  const run = wholeNumber(value, place)
  if (run < 1 || run >= RUN_LIMIT) throw new Malformed(`${place} is no number of a run`)
  return run
}

export function storedClaimOf(value: unknown): StoredClaim | null {
  if (value === null) return null
  const stored = fields(value, 'stored claim')
  return { revision: wholeNumber(stored['revision'], 'revision'), claim: claimOf(stored['claim']) }
}

export function claimRecordOf(value: unknown): ClaimRecord {
  const record = fields(value, 'record')
  const pool = poolOf(record['pool'])
  const revision = wholeNumber(record['revision'], 'record.revision')
  if (record['kind'] === 'removed') return { kind: 'removed', pool, revision, vm: id(vmUuid, record['vm'], 'record.vm') }
  if (record['kind'] === 'stored') return { kind: 'stored', pool, revision, claim: claimOf(record['claim']) }
  throw new Malformed('record.kind is unknown')
}

export function poolOf(value: unknown): string {
  if (typeof value !== 'string' || !isUuid(value)) throw new Malformed('pool is not a uuid')
  return value
}
