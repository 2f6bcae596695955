import { volumeKey } from '../../../lib/core/domain/ids'
import { replicaOpener } from '../../../lib/dom0/replica/open-replica'
import type { BlockDevice } from '../../../lib/ports/block-device'
import type { OpenReplica, StoredReplica } from '../../../lib/ports/replica-store'
import type { WorkerVolume } from '../../../lib/wire/worker-api'
import type { CrashingFiles } from './crashing-files'

export const GIB = 2 ** 30
export const IMAGE = '/srv/disk.raw'

export const volumeOf = (sizeBytes: number): WorkerVolume => ({
  key: volumeKey('6a0b7e1c-0000-4000-8000-000000000001'),
  sizeBytes,
  path: IMAGE,
})

/** Replicas whose metadata is in those files, and whose image is there only as the number of its bytes. */
export const openerIn = (files: CrashingFiles): OpenReplica =>
  replicaOpener({
    files,
    imageSize: (source) => Promise.resolve('path' in source ? imageSizeIn(files, source.path) : 'missing'),
    openDevice: (source, sizeBytes) => imageDevice(files, 'path' in source ? source.path : '', sizeBytes),
    deviceNames: () => Promise.resolve(null),
  })

function imageSizeIn(files: CrashingFiles, path: string): number | 'missing' {
  const bytes = files.bytes(path)
  if (bytes === null) return 'missing'
  return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64BE())
}

async function imageDevice(files: CrashingFiles, path: string, sizeBytes: number): Promise<BlockDevice> {
  const file = (await files.openIfThere(path)) ?? (await files.make(path))
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(sizeBytes))
  if (imageSizeIn(files, path) !== sizeBytes) await file.write(0, size)
  const nothing = (): Promise<void> => Promise.resolve()
  // Whatever is flushed is written first: a size whose flush had failed would never be.
  const zero = (): Promise<void> => file.write(0, size)
  return { sizeBytes, read: nothing, write: nothing, zero, flush: () => file.sync(), close: () => file.close() }
}

/** What a replica holds, each part as a text that can be compared. */
export type Holding = ReadonlyMap<string, string>

export const pagePart = (number: number): string => `page ${number}`

export function holdingOf({ metadata, tracking }: StoredReplica, pages: number): Holding | 'lost' {
  if (tracking === 'lost') return tracking
  const { term, state, generations } = metadata
  const parts = new Map([
    ['head', JSON.stringify([term, state, generations])],
    ['hot', tracking.hot.join(' ')],
  ])
  for (let number = 0; number < pages; number++) parts.set(pagePart(number), pageText(tracking.pages.get(number)))
  return parts
}

export const pageText = (page: Buffer | undefined): string => {
  const text = page?.toString('latin1').replace(/\0+$/, '') ?? ''
  return Buffer.from(text, 'latin1').toString('hex')
}

/**
 * What a reader may find of each part: what the last save that resolved had, or what one that was started after it had. Once a
 * reader has found something, nothing older will do.
 */
export class Promised {
  readonly #parts = new Map<string, { readonly saves: string[]; kept: number }>()

  constructor(found: Holding) {
    this.found(found)
  }

  found(holding: Holding): void {
    for (const [part, text] of holding) this.#parts.set(part, { saves: [text], kept: 0 })
  }

  copy(): Promised {
    const copy = new Promised(new Map())
    for (const [part, { saves, kept }] of this.#parts) copy.#parts.set(part, { saves: [...saves], kept })
    return copy
  }

  /** A save of those parts begins; the answer is called when it has resolved. */
  begin(texts: Holding): () => void {
    const begun = [...texts].map(([part, text]) => {
      const saves = this.#parts.get(part) ?? { saves: [''], kept: 0 }
      this.#parts.set(part, saves)
      return { saves, place: saves.saves.push(text) - 1 }
    })
    return () => {
      for (const { saves, place } of begun) saves.kept = Math.max(saves.kept, place)
    }
  }

  /** Throws when a part holds something else. */
  check(story: string, holding: Holding | 'lost'): void {
    if (holding === 'lost') throw new Error(`${story}: lost`)
    for (const [part, { saves, kept }] of this.#parts) {
      const may = saves.slice(kept)
      const text = holding.get(part) ?? ''
      if (!may.includes(text)) throw new Error(`${story}: ${part} is "${text}", may be "${may.join('" or "')}"`)
    }
  }
}
