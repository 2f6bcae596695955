import { readFileSync } from 'node:fs'

/** What of a process is in memory, in bytes. `shared` lies in the file cache: the text of Node, above all. */
export interface Resident {
  readonly resident: number
  readonly anonymous: number
  readonly shared: number
}

/** @param status what /proc/PID/status holds */
export function residentIn(status: string): Resident {
  const bytes = (name: string): number => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    if (kib === undefined) throw new Error(`no ${name} in the status of a process`)
    return Number(kib) * 1024
  }
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon'), shared: bytes('RssFile') + bytes('RssShmem') }
}

export const residentOf = (pid: number): Resident => residentIn(readFileSync(`/proc/${pid}/status`, 'utf8'))
