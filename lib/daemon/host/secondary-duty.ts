import { Refusal } from '../../core/domain/errors'
import { isUuid, type VmUuid } from '../../core/domain/ids'
import type { DaemonApi } from '../../wire/daemon-api'
import type { WorkerSpec } from '../../wire/worker-api'
import { domainsIn } from '../worker/guest/guest-domains'
import type { Catalogue } from './catalogue'
import { asVm } from './datapath'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'
import { haveRoom, Offers } from './reprotect/offer'
import { witnessed } from './situation'

type PeerFunction = Extract<keyof DaemonApi, `peer-${string}`>
type PeerHandlers = { [F in PeerFunction]: (ask: DaemonApi[F]['ask']) => Promise<DaemonApi[F]['answer']> }

/** What the daemon of a primary may ask of this host as its secondary. */
export function peerHandlers(parts: HostParts, catalogue: Catalogue, fleet: Fleet): PeerHandlers {
  const offers = new Offers(parts, catalogue, fleet)
  return {
    'peer-catalogue': async ({ records }) => {
      await catalogue.receive(records.list)
      return { list: catalogue.all() }
    },
    'peer-secondary': async ({ vm: text, primary, records }) => {
      const vm = asVm(text)
      if (!isUuid(primary)) throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'primary must be the uuid of a host' })
      await catalogue.receive(records.list)
      const list = records.list.map(({ key }) => catalogue.get(key))
      await haveRoom(parts, catalogue, list)
      const known = fleet.specOf(vm)
      if (known?.vm === vm) {
        // A worker that still believes in an older claim of its own finds out by itself; this one is already the right one.
        await fleet.start(known)
        return { port: known.listen?.port ?? 0 }
      }
      if (known !== undefined) await fleet.remove(known.id)
      // Whom it would mirror to as a primary is told when the roles have changed.
      const spec = fleet.pairSpec(vm, list, null)
      await fleet.start(spec)
      return { port: spec.listen?.port ?? 0 }
    },
    'peer-offer': ({ vm, records }) => offers.judge(vm, records.list),
    'peer-release': async ({ vm: text }) => {
      const vm = asVm(text)
      const stored = await witnessed(parts, parts.witness.read(vm))
      if (stored !== null)
        throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: vm, use: `still under the claim of ${stored.claim.holder}` })
      await release(catalogue, fleet, vm, parts)
      return null
    },
  }
}

/**
 * Ends the worker of a VM that is not this host's any more, and its replicas; first a guest that was left here when another host took the
 * claim. Refuses, with nothing dropped, while that guest cannot be ended.
 */
export async function release(catalogue: Catalogue, fleet: Fleet, vm: VmUuid, parts: HostParts): Promise<void> {
  const spec = fleet.specOf(vm)
  if (spec !== undefined) {
    await endGuests(vm, spec, parts)
    await fleet.remove(vm)
  }
  await parts.forgetNote?.(vm)
  for (const { key } of spec?.volumes ?? []) {
    const record = catalogue.find(key)
    if (record !== undefined && !record.homes.includes(parts.host)) await catalogue.storeOf(record).dropReplica(record.key)
  }
}

async function endGuests(vm: VmUuid, { attached }: WorkerSpec, { domains, log, timeline }: HostParts): Promise<void> {
  for (const domid of domainsIn(attached)) {
    try {
      if ((await domains.state(domid)) === 'gone') continue
      await domains.destroy(domid)
    } catch (error) {
      // The toolstack's own words.
      log.warn('cannot destroy the domain', { domid, error: String(error) })
      throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: vm, use: `used by domain ${domid}, which could not be ended` })
    }
    timeline.record({
      ...{ vm, act: 'claim-lost', rule: 'unprotected-elsewhere' },
      text: 'Another host took the claim and gave it up, while this one was away: this host stops the VM that it ran before.',
      evidence: { domid },
    })
  }
}
