import type { Command } from 'commander'
import type { WorkerStatus, WorkerVolumeStatus } from '../../lib/wire/worker-api'
import { servedMirror, type ServedMirror } from './mirror-ask'
import { bytes, duration, percent } from './quantities'
import { filled } from './table'
import { json, paint, type CommandWorld, type Terminal } from './terminal'

export function registerMirrorStatus(mirror: Command, { terminal }: CommandWorld): void {
  mirror
    .command('status')
    .description('role, claim, replicas and resync of one side')
    .requiredOption('--folder <dir>', 'the folder of that side')
    .option('--json', "the names of the two sides, and the worker's answer, as JSON")
    .action(async ({ folder, json: asJson }: { folder: string; json?: true }) => {
      const mirror = servedMirror(folder)
      const status = await mirror.ask('status', {})
      if (asJson) terminal.out(json({ ...mirror.record, worker: status }))
      else terminal.out(statusText(mirror, status, terminal))
    })
}

function statusText(mirror: ServedMirror, status: WorkerStatus, terminal: Terminal): string {
  const { name, host, peer, replica, listen } = mirror.record
  const volume = status.volumes[0]
  const lines: [string, string][] = [
    ['mirror', `${name} on ${host}`],
    ['role', roleText(status)],
    ['health', healthText(mirror, status, terminal)],
    ...(peer === '' ? [] : pairLines(mirror, status)),
    ['replica', `${replica} (${replicaText(mirror, status)})`],
    ['disk', volume?.attachedTo == null ? 'not served here' : `served at ${listen}`],
    ...(volume?.resync == null ? [] : [['resync', resyncText(volume.resync, mirror)] satisfies [string, string]]),
  ]
  const why = status.degraded === '' ? '' : `\n${filled(`${capital(status.degraded)}.`, '')}`
  const unwritten = status.unwritten ? `\n${filled(`${status.unwritten}.`, '')}` : ''
  return `${lines.map(([label, text]) => `${label.padEnd(8)} ${text}\n`).join('')}${why}${unwritten}`
}

const roleText = ({ role, claim }: WorkerStatus): string =>
  role === 'secondary' && claim === null ? 'not known yet' : role === 'solo' ? 'a mirror of one' : role

function healthText({ own }: ServedMirror, status: WorkerStatus, terminal: Terminal): string {
  const [colour, text] = health(status, own)
  return paint(terminal, colour, text)
}

/** False only where the claim is known not to list this side's replica. */
const isListed = ({ claim, claimIsCurrent }: WorkerStatus, host: string): boolean =>
  claim === null || !claimIsCurrent || Object.values(claim.claim.upToDate).every((hosts) => hosts.some((each) => each === host))

function replicaText({ own }: ServedMirror, status: WorkerStatus): string {
  const state = status.volumes[0]?.localReplica ?? 'unknown'
  return state === 'up-to-date' && !isListed(status, own) ? 'outdated' : state
}

function health(status: WorkerStatus, own: string): ['red' | 'yellow' | 'green', string] {
  const { role, frozen, degraded, peerConnected, claim, volumes } = status
  const replica = volumes[0]?.localReplica ?? 'failed'
  if (frozen) return ['red', 'frozen']
  if (role === 'solo') return replica === 'failed' ? ['red', 'failed'] : ['green', 'one copy']
  if (claim === null) return ['yellow', 'waiting']
  if (volumes.some(({ resync }) => resync !== null)) return ['yellow', 'syncing']
  if (degraded !== '' || !peerConnected || replica === 'failed') return ['red', 'degraded']
  return replica === 'up-to-date' && isListed(status, own) ? ['green', 'mirrored'] : ['yellow', 'syncing']
}

function pairLines({ record, nameOf }: ServedMirror, status: WorkerStatus): [string, string][] {
  const { claim, claimIsCurrent, peerConnected, witnessReachable } = status
  const upToDate = Object.values(claim?.claim.upToDate ?? {}).flat()
  const held = claim === null ? 'not known' : `held by ${nameOf(claim.claim.holder)}, term ${claim.claim.term}`
  const listed = upToDate.length === 0 || !claimIsCurrent ? '' : `; up-to-date: ${upToDate.map(nameOf).join(', ')}`
  return [
    ['claim', `${held}${listed}`],
    ['peer', `${record.peer}: ${peerConnected ? 'connected' : 'not connected'}`],
    ['witness', witnessReachable ? 'reachable' : 'unreachable'],
  ]
}

function resyncText(resync: NonNullable<WorkerVolumeStatus['resync']>, { nameOf }: ServedMirror): string {
  const { target, doneBytes, totalBytes, bytesPerSecond, etaSeconds } = resync
  const left = etaSeconds === null ? '' : `, ${duration(etaSeconds)} left`
  return `to ${nameOf(target)}: ${percent(doneBytes, totalBytes)} of ${bytes(totalBytes)}, ${bytes(bytesPerSecond)}/s${left}`
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
