/** What a host answers when a standby was prepared on it (docs/reference/lockstep-host.md). */
import { fields, flag, jsonObject, list, Malformed, text, wholeNumber } from './shape'

export interface PreparedDisk {
  /** As the storage names it. */
  readonly volume: string
  /** Of QEMU: a `raw` node that stands for the disk until something that serves it takes its file's place. */
  readonly node: string
  readonly bytes: number
  readonly readOnly: boolean
}

export interface PreparedStandby {
  readonly domid: string
  /** A socket of QEMU's monitor. */
  readonly monitor: string
  readonly memoryFile: string
  readonly disks: readonly PreparedDisk[]
}

const PATH_MAX = 4096
const DISKS_MAX = 256
const NODE = /^[a-zA-Z][\w.-]{0,29}$/

/** Throws Malformed. */
export function preparedStandby(line: string): PreparedStandby {
  const answer = jsonObject(line)
  return {
    domid: String(wholeNumber(answer['domid'], 'domid')),
    monitor: path(answer['monitor'], 'monitor'),
    memoryFile: path(answer['memoryFile'], 'memoryFile'),
    disks: list(answer['disks'], 'disks', DISKS_MAX).map((each) => {
      const disk = fields(each, 'disk')
      const node = text(disk['node'], 'node')
      if (!NODE.test(node)) throw new Malformed('node is no name of a node')
      return {
        ...{ volume: text(disk['volume'], 'volume'), node },
        ...{ bytes: wholeNumber(disk['bytes'], 'bytes'), readOnly: flag(disk['readOnly'], 'readOnly') },
      }
    }),
  }
}

function path(value: unknown, place: string): string {
  const found = text(value, place, PATH_MAX)
  if (!found.startsWith('/') || found.includes('\0')) throw new Malformed(`${place} is no absolute path`)
  return found
}
