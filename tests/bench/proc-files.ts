import { readFileSync, writeFileSync } from 'node:fs'

/** Linux counts CPU time for user space in hundredths of a second on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

export interface CpuSeconds {
  readonly user: number
  readonly system: number
}

/** @param stat what /proc/PID/stat holds; all threads are in it, those that have ended too */
export function parseProcessCpu(stat: string): CpuSeconds {
  const fields = fieldsOf(stat)
  return { user: ticks(fields[11]), system: ticks(fields[12]) }
}

/** The same of the children that have ended, which counts fio's time with this process's. */
export function parseEndedChildrenCpu(stat: string): CpuSeconds {
  const fields = fieldsOf(stat)
  return { user: ticks(fields[13]), system: ticks(fields[14]) }
}

// The name in parentheses may hold blanks and parentheses itself.
const fieldsOf = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

export interface MachineCpu {
  /** Time in user mode of all processes together. Kernel threads have none. */
  readonly userSeconds: number
  /** Taken away by the hypervisor. */
  readonly stolenSeconds: number
}

/** @param stat what /proc/stat holds */
export function parseMachineCpu(stat: string): MachineCpu {
  const line = stat.split('\n').find((each) => each.startsWith('cpu '))
  const fields = line?.trim().split(/\s+/) ?? []
  return { userSeconds: ticks(fields[1]) + ticks(fields[2]), stolenSeconds: ticks(fields[8]) }
}

export interface Memory {
  readonly residentBytes: number
  /** The most that was resident since the process began, or since resetPeak. */
  readonly peakBytes: number
}

/** @param status what /proc/PID/status holds */
export function parseMemory(status: string): Memory {
  return { residentBytes: kibOf(status, 'VmRSS') * 1024, peakBytes: kibOf(status, 'VmHWM') * 1024 }
}

function ticks(field: string | undefined): number {
  const count = Number(field)
  if (field === undefined || !Number.isInteger(count)) throw new Error(`not a count of ticks: ${field ?? 'nothing'}`)
  return count / TICKS_PER_SECOND
}

function kibOf(status: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error(`no ${name} in the status of a process`)
  return Number(kib)
}

export const cpuOf = (pid: number): CpuSeconds => parseProcessCpu(readFileSync(`/proc/${pid}/stat`, 'utf8'))
export function thisProcessAndEndedChildren(): CpuSeconds {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const [own, children] = [parseProcessCpu(stat), parseEndedChildrenCpu(stat)]
  return { user: own.user + children.user, system: own.system + children.system }
}
export const memoryOf = (pid: number): Memory => parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'))
export const machineCpu = (): MachineCpu => parseMachineCpu(readFileSync('/proc/stat', 'utf8'))

/** Peak memory counts from here. */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')
