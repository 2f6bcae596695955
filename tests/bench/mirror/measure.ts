import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, machineCpu, memoryOf, resetPeak, thisProcessAndEndedChildren } from '../proc-files'
import { measureWithFio, type FioTarget } from './fio'
import type { Latency } from './fio-result'
import type { Row } from './rows'
import type { Subject } from './subject'

/** One run of one row against one subject. */
export interface Measured {
  readonly iops: number
  readonly bytesPerSecond: number
  readonly latency: Latency
  readonly flush: Latency | null
  /** Of all processes of the subject, user and system, for 10^9 bytes read or written. */
  readonly cpuSecondsPerGb: number
  readonly peakBytes: Readonly<Record<string, number>>
  /** Cores' worth of time that other programs and the hypervisor took meanwhile. */
  readonly disturbance: number
}

export interface Running {
  readonly subject: Subject
  readonly target: FioTarget
}

export interface Times {
  readonly warmUpMs: number
  readonly runMs: number
}

/** After a warm-up of the same load. */
export async function measure(row: Row, { warmUpMs, runMs }: Times, seed: number, running: Running): Promise<Measured> {
  await measureWithFio(row, warmUpMs, seed, running.target)
  return measureOnce(row, runMs, seed, running)
}

async function measureOnce(row: Row, runMs: number, seed: number, { subject, target }: Running): Promise<Measured> {
  for (const { pid } of subject.processes) resetPeak(pid)
  const before = snapshot(subject)
  const result = await measureWithFio(row, runMs, seed, target)
  const after = snapshot(subject)
  const [userSeconds, systemSeconds] = [after.userSeconds - before.userSeconds, after.systemSeconds - before.systemSeconds]
  const seconds = after.atSeconds - before.atSeconds
  const ownUserSeconds = userSeconds + after.benchUserSeconds - before.benchUserSeconds
  const othersSeconds = after.machineUserSeconds - before.machineUserSeconds - ownUserSeconds
  return {
    ...{ iops: result.iops, bytesPerSecond: result.bytesPerSecond, latency: result.latency, flush: result.flush },
    cpuSecondsPerGb: (userSeconds + systemSeconds) / (result.bytes / 1e9),
    peakBytes: Object.fromEntries(subject.processes.map(({ name, pid }) => [name, memoryOf(pid).peakBytes])),
    disturbance: Math.max(0, othersSeconds + after.stolenSeconds - before.stolenSeconds) / seconds,
  }
}

function snapshot({ processes }: Subject) {
  const cpu = processes.map(({ pid }) => cpuOf(pid))
  const machine = machineCpu()
  return {
    atSeconds: performance.now() / 1000,
    userSeconds: cpu.reduce((sum, { user }) => sum + user, 0),
    systemSeconds: cpu.reduce((sum, { system }) => sum + system, 0),
    benchUserSeconds: thisProcessAndEndedChildren().user,
    machineUserSeconds: machine.userSeconds,
    stolenSeconds: machine.stolenSeconds,
  }
}

/** What a subject's processes take in memory, in bytes. */
export interface MemoryUse {
  readonly idle: Readonly<Record<string, number>>
  /** The most under 32 requests of 1 MiB, writes and then reads. */
  readonly loaded: Readonly<Record<string, number>>
}

const HEAVY = { name: '', text: '', blockBytes: 1024 * 1024, depth: 32, flushes: false } as const

/** Of a subject that has just begun. */
export async function measureMemory({ runMs }: Times, seed: number, { subject, target }: Running): Promise<MemoryUse> {
  await sleep(IDLE_MS)
  const use = (what: 'residentBytes' | 'peakBytes'): Record<string, number> =>
    Object.fromEntries(subject.processes.map(({ name, pid }) => [name, memoryOf(pid)[what]]))
  const idle = use('residentBytes')
  for (const { pid } of subject.processes) resetPeak(pid)
  for (const pattern of ['randwrite', 'randread'] as const) await measureWithFio({ ...HEAVY, pattern }, runMs, seed, target)
  return { idle, loaded: use('peakBytes') }
}
/** Holdfast looks every 10 s for buffers that were not needed since it looked before. */
const IDLE_MS = 25_000
