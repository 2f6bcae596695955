import { Refusal } from '../../../core/domain/errors'
import type { VmUuid } from '../../../core/domain/ids'
import type { VolumeRecord } from '../../../core/domain/volume'
import type { Catalogue } from '../catalogue'
import { asVm } from '../datapath'
import type { Fleet } from '../fleet'
import { hostNameOf, vmNameOf } from '../names'
import type { HostParts } from '../parts'

/** From the answer until a worker here shows that it is being given a copy. */
const PROMISED_MS = 10_000

/**
 * What a host says to a primary that needs a new secondary: that it has the room, and is given no other first copy meanwhile. When a host is
 * lost, all that it kept is looking for a place at once.
 */
export class Offers {
  #promised: { readonly vm: VmUuid; readonly untilMs: number } | null = null

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly fleet: Fleet,
  ) {}

  async judge(text: string, records: readonly VolumeRecord[]): Promise<null> {
    const vm = asVm(text)
    await haveRoom(this.parts, this.catalogue, records)
    const other = await this.#other(vm)
    if (other !== null) {
      const host = hostNameOf(this.parts, this.parts.host)
      throw new Refusal('HOLDFAST_COPY_UNDER_WAY', { host, other: vmNameOf(this.parts, other) })
    }
    this.#promised = { vm, untilMs: this.parts.clock.nowMs() + PROMISED_MS }
    return null
  }

  async #other(vm: VmUuid): Promise<VmUuid | null> {
    const promised = this.#promised
    if (promised !== null && promised.vm !== vm && this.parts.clock.nowMs() < promised.untilMs) return promised.vm
    for (const { id, vm: of } of this.fleet.specs()) {
      if (of === null || of === vm) continue
      const status = await this.fleet.status(id)
      const isCopying = status?.volumes.some(({ localReplica }) => localReplica === 'inconsistent') === true
      if (status?.role === 'secondary' && status.peerConnected && isCopying) return of
    }
    return null
  }
}

/** Refuses when a volume that has no replica here yet would not fit. */
export async function haveRoom(parts: HostParts, catalogue: Catalogue, list: readonly VolumeRecord[]): Promise<void> {
  for (const record of list) {
    const store = catalogue.storeOf(record)
    if ((await store.usedBytes(record.key)) > 0) continue
    const { freeBytes } = await store.space()
    if (freeBytes < record.sizeBytes) {
      const path = parts.srs.list().find(({ sr }) => sr === record.sr)?.path ?? ''
      throw new Refusal('HOLDFAST_NO_SPACE', { host: parts.host, needBytes: record.sizeBytes, freeBytes, path })
    }
  }
}
