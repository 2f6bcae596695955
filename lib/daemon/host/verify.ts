import { Refusal } from '../../core/domain/errors'
import type { DaemonApi } from '../../wire/daemon-api'
import { asVm } from './datapath'
import type { Fleet } from './fleet'
import { vmNameOf } from './names'
import type { HostParts } from './parts'
import { witnessed } from './situation'

const FORWARD_LIMIT_MS = 10_000

/** Asks the worker that holds the claim, on whichever host, to compare the replicas. */
export async function verify(
  parts: HostParts,
  fleet: Fleet,
  ask: DaemonApi['verify']['ask'],
): Promise<DaemonApi['verify']['answer']> {
  const vm = asVm(ask.vm)
  const stored = await witnessed(parts, parts.witness.read(vm))
  if (stored === null) throw new Refusal('HOLDFAST_NOT_PROTECTED', { vm: vmNameOf(parts, vm) })
  const { holder } = stored.claim
  if (holder !== parts.host) return parts.askPeer(holder, 'verify', ask, FORWARD_LIMIT_MS)
  await fleet.ask(vm, 'verify', { repair: ask.repair ?? false })
  return { vm }
}
