import { RUN_LIMIT } from '../core/domain/guest-memory'
import { unpackFrames } from './guest-frames'
import { EPOCH_PART_BYTES_MAX, type EpochFrame } from './peer-epochs'
import type { PeerHeader } from './peer-header'
import { FLAG, TYPE } from './peer-numbers'
import { isGuestMemory, runsOf } from './peer-runs'

/** A frame of lockstep, null when it is of another kind, or what is wrong with it. */
export function epochFrameOf(header: PeerHeader, payload: Buffer): EpochFrame | string | null {
  const type = NAMES.get(header.type)
  if (type === undefined) return null
  const { seq: run, offset: epoch, length, term } = header
  if (run < 1 || run >= RUN_LIMIT) return `a run of the number ${run}`
  switch (type) {
    case 'epoch-begin': {
      const way = (header.flags & FLAG.migration) === 0 ? 'devices' : 'migration'
      return isGuestMemory(header.offset)
        ? { type, run, memoryBytes: header.offset, way, term }
        : `a memory of ${header.offset} bytes`
    }
    case 'epoch-part':
      return partOf(header, payload)
    case 'epoch-cut':
      return { type, run, epoch, term }
    case 'epoch-traffic':
      return trafficOf(header, payload)
    case 'epoch-end':
      return { type, run, epoch, parts: length, term }
    case 'epoch-leave':
      return { type, run, term }
    case 'epoch-ack':
      return { type, run, epoch }
    case 'epoch-begun':
    case 'epoch-left':
    case 'epoch-press':
      return { type, run }
    case 'epoch-failed':
      return { type, run, error: payload.toString('utf8') }
  }
}

function partOf({ seq: run, offset: epoch, term, flags }: PeerHeader, payload: Buffer): EpochFrame | string {
  const part = { type: 'epoch-part', run, epoch, term } as const
  if ((flags & FLAG.device) !== 0) {
    const isSmall = payload.length <= EPOCH_PART_BYTES_MAX
    return isSmall ? { ...part, kind: 'device', data: payload } : `a part of ${payload.length} bytes`
  }
  const found = runsOf(payload)
  return typeof found === 'string' ? found : { ...part, kind: 'memory', ...found }
}

function trafficOf({ seq: run, offset: epoch, term, flags }: PeerHeader, payload: Buffer): EpochFrame | string {
  const frames = unpackFrames(payload)
  const way = (flags & FLAG.came) === 0 ? 'sent' : 'came'
  return typeof frames === 'string' ? frames : { type: 'epoch-traffic', run, epoch, term, way, frames }
}

const TYPES = [
  ...(['epoch-begin', 'epoch-part', 'epoch-cut', 'epoch-end', 'epoch-leave', 'epoch-traffic'] as const),
  ...(['epoch-begun', 'epoch-ack', 'epoch-left', 'epoch-press', 'epoch-failed'] as const),
]
const NAMES: ReadonlyMap<number, EpochFrame['type']> = new Map(TYPES.map((name) => [TYPE[name], name]))
