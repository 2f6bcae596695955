import { BLOCK_BYTES } from '../../../core/domain/blocks'
import type { VolumeKey } from '../../../core/domain/ids'
import { otherSide, type Side } from '../../../core/mirror/events'
import { splitOf } from '../../../core/mirror/split'
import type { AsideCopy } from '../../../ports/split-ports'
import type { Aside, ReplicaHistory, SplitApi, SplitSeen, SplitVolume } from '../../../wire/split'
import type { WorkerVolume } from '../../../wire/worker-api'
import type { Disk } from '../disk/disk'
import { type LoneFacts, LoneService } from '../lone-service'
import type { WorkerParts } from '../parts'
import { coded } from '../peer/peer-looks'
import { Primary } from '../primary'
import type { Seat } from '../seat'
import type { Secondary } from '../secondary'
import { notSplit, putAway } from './split-put-away'
import { type Digests, SplitRun } from './split-run'
import { SplitView } from './split-view'

type Handlers = { readonly [F in keyof SplitApi]: (ask: SplitApi[F]['ask']) => Promise<SplitApi[F]['answer']> }

interface Kept {
  readonly volume: WorkerVolume
  readonly seat: Seat | null
}

/** What the operator is told, and does, about two histories that met: nothing here is on a guest's way to its disk. */
export class SplitDesk {
  readonly #runs = new Map<VolumeKey, SplitRun>()
  readonly #views = new Map<VolumeKey, SplitView>()
  readonly #asides = new Map<VolumeKey, AsideCopy>()
  readonly #alone: LoneService

  constructor(
    private readonly parts: () => WorkerParts,
    private readonly side: () => Primary | Secondary | undefined,
  ) {
    this.#alone = new LoneService(parts)
  }

  tick(nowMs: number): void {
    this.#alone.look(this.#loneFacts(), nowMs)
  }

  readonly handlers: Handlers = {
    split: ({ compare }) => {
      if (compare) for (const disk of this.#disks()) this.#compare(disk)
      const volumes = this.#kept().map((kept) => this.#told(kept))
      const side = this.side()
      const apart = side instanceof Primary && volumes.some(({ met }) => !met) ? side.degraded : ''
      return Promise.resolve({ volumes, apart })
    },
    'split-export': async ({ volume, serve }) => {
      const before = this.#views.get(volume)
      if (serve && before?.isOpen === true) return before.address
      this.#views.delete(volume)
      await before?.close()
      if (!serve) return null
      const { seat, volume: kept } = this.#find(volume)
      if (seat === null) throw notSplit(volume, 'Its replica on this host cannot be opened.', 'Bring its disk back, then repeat.')
      const view = await SplitView.open(kept, seat, () => this.#find(volume).seat, this.parts())
      this.#views.set(volume, view)
      return view.address
    },
    'split-keep-aside': async ({ volume }) => {
      const { seat, volume: kept } = this.#find(volume)
      if (this.#asides.get(volume)?.report().state === 'copying') return null
      // Found by the seconds in it: when the history that is kept began.
      const name = seat?.metadata.generations.current ?? ''
      this.#asides.set(volume, await this.parts().keepAside(kept, name || 'unknown'))
      return null
    },
    'split-put-away': ({ volumes, keep }) => putAway(this.side(), volumes, keep, this.parts()),
    'give-up': ({ volume, side }) => {
      const disk = this.#disks().find((each) => each.volume.key === volume)
      const seen = disk === undefined ? null : splitOf(disk.replicas)
      if (disk === undefined || seen === null)
        throw notSplit(volume, 'No two histories of it have met here.', 'Look at: holdfast split.')
      if (side === seen.refused) disk.giveUp(side)
      else this.#giveUpServing(disk, side)
      return Promise.resolve(null)
    },
  }

  /** What a guest sees would change under it. */
  #giveUpServing(disk: Disk, side: Side): void {
    if (disk.attachedTo !== null)
      throw notSplit(disk.volume.key, 'A guest uses the replica that would be given up.', 'Shut the VM down, then repeat.')
    if (side === 'local' && disk.replicas.peer.presence === null)
      throw notSplit(disk.volume.key, 'The replica that is wanted is not connected.', 'Repeat it when it is.')
    if (side === 'peer')
      throw notSplit(
        disk.volume.key,
        'The claim lists the replica on the other host alone, and this one would have to be read in its place.',
        'Repeat it when the copy to this host is complete.',
      )
    disk.giveUp(side)
  }

  async close(): Promise<void> {
    this.#alone.look(null, this.parts().clock.nowMs())
    await Promise.all([...this.#views.values()].map((view) => view.close()))
  }

  #disks(): readonly Disk[] {
    const side = this.side()
    return side instanceof Primary ? side.disks : []
  }

  #kept(): readonly Kept[] {
    const side = this.side()
    if (side === undefined) return []
    return side instanceof Primary ? side.disks : side.places
  }

  #find(key: VolumeKey): Kept {
    const kept = this.#kept().find(({ volume }) => volume.key === key)
    if (kept !== undefined) return kept
    throw notSplit(key, 'No worker of this host keeps it now.', 'Look at: holdfast status.')
  }

  #loneFacts(): LoneFacts | null {
    const side = this.side()
    if (!(side instanceof Primary) || side.claim === null) return null
    const { disks, claim, term } = side
    const sum = (of: (disk: Disk) => number): number => disks.reduce((total, disk) => total + of(disk), 0)
    return {
      ...{ vm: claim.claim.vm, term, alone: disks.some(({ active, redundant }) => active && !redundant) },
      ...{ writes: sum(({ changes }) => changes.writes), writtenBytes: sum(({ changes }) => changes.bytes) },
    }
  }

  #compare(disk: Disk): void {
    const { key, sizeBytes } = disk.volume
    const split = splitOf(disk.replicas)
    if (split === null || this.#runs.get(key)?.isRunning === true) return
    const of = (side: Side): Digests =>
      side === 'local'
        ? (offset, length) => digests(disk.seat, offset, length)
        : (offset, length) => disk.peerDigests(offset, length)
    const run = new SplitRun(sizeBytes, split, { serving: of(otherSide(split.refused)), refused: of(split.refused) })
    this.#runs.set(key, run)
  }

  #told({ volume, seat }: Kept): SplitVolume {
    const { key } = volume
    return {
      key,
      own: seat === null ? null : history(seat),
      met: this.#disks().find((disk) => disk.volume.key === key)?.replicas.peer.presence != null,
      seen: this.#seen(key),
      exported: this.#views.get(key)?.address ?? null,
      aside: this.#aside(key),
    }
  }

  #aside(key: VolumeKey): Aside | null {
    return this.#asides.get(key)?.report() ?? null
  }

  #seen(key: VolumeKey): SplitSeen | null {
    const disk = this.#disks().find(({ volume }) => volume.key === key)
    const split = disk === undefined ? null : splitOf(disk.replicas)
    const run = this.#runs.get(key)
    if (split === null) {
      run?.stop('they ceased to be split, or one of them was lost')
      return null
    }
    return { rule: split.rule, refused: split.refused, comparison: run?.report(this.parts().clock.nowMs()) ?? null }
  }
}

function history(seat: Seat): ReplicaHistory {
  const { term } = seat.metadata
  const { state, generations } = seat.presence('')
  return { state, term, generations, changedBytes: seat.bits().count * BLOCK_BYTES }
}

/** A replica that fails meanwhile does not answer; the comparison is ended by that. */
function digests(seat: Seat | null, offset: number, length: number): Promise<Buffer> {
  if (seat === null) return Promise.reject(coded('ENOENT'))
  return new Promise((resolve, reject) => {
    seat.perform(0, { kind: 'hash', offset, length }, (error, data) => {
      if (data === undefined) reject(coded(error))
      else resolve(data)
    })
  })
}
