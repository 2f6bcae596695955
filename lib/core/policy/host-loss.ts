import { isUpToDateEverywhere } from '../domain/claim'
import type { HostUuid } from '../domain/ids'
import { hostName, type InventoryVm } from '../domain/inventory'
import type { HostLossPlan, HostLossStep } from '../domain/plan'
import { memory, usedBytes } from './placement'
import { protections, type Protection, type Situation } from './protection'

/**
 * What follows when a host is lost: asked by the real failover with the host among the suspected, and by what-if at any time.
 * Says what will be tried; a host short of memory is tried all the same, because XAPI's figures are late.
 */
export function planHostLost(situation: Situation, lost: HostUuid): HostLossPlan {
  const { inventory } = situation
  const concerned = protections(situation).filter(({ vm, claim }) => vm.residentOn === lost || claim?.holder === lost)
  const restarts = concerned.filter(({ vm }) => vm.residentOn === lost).sort((a, b) => inStartOrder(a.vm, b.vm))
  const room = new Map(
    inventory.hosts.map((host) => [host.uuid, host.memoryTotalBytes - host.memoryControlBytes - usedBytes(situation, host.uuid)]),
  )
  // A copy that waits has its memory already, and waits for nobody's turn.
  const going = restarts.flatMap((protection) => goOn(protection, situation, lost, room))
  const isGoing = ({ vm }: Protection): boolean => going.some((step) => step.vm === vm.uuid)
  const started = restarts.filter((each) => !isGoing(each)).map((protection) => restart(protection, situation, lost, room))
  const steps: HostLossStep[] = [...going, ...started]
  const rehomed = concerned
    .filter(({ vm }) => vm.residentOn !== lost && vm.residentOn === null)
    .sort((a, b) => inStartOrder(a.vm, b.vm))
    .flatMap((protection) => rehome(protection, situation, lost))
  const exposed = protections(situation)
    .filter(({ vm, claim, secondary }) => secondary === lost && vm.residentOn !== lost && claim?.holder !== lost)
    .map(({ vm, level }): HostLossStep => {
      const until = level === 'lockstep' ? ', and not in lockstep until it has another' : ''
      const reason = `${hostName(inventory, lost)} is its secondary; it goes on with one copy of its disks${until}`
      return { step: 'vm-loses-secondary', vm: vm.uuid, reason }
    })
  return { lost, steps: [...promotion(situation, lost, steps), ...steps, ...rehomed, ...exposed] }
}

type GoingOn = Extract<HostLossStep, { step: 'go-on' }>

/** Ascending order, negative ones last, then by name. */
export function inStartOrder(a: InventoryVm, b: InventoryVm): number {
  return rank(a) - rank(b) || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.uuid < b.uuid ? -1 : 1)
}

const rank = ({ order }: InventoryVm): number => (order < 0 ? Number.MAX_SAFE_INTEGER : order)

function promotion({ inventory }: Situation, lost: HostUuid, steps: readonly HostLossStep[]): HostLossStep[] {
  if (inventory.coordinator !== lost) return []
  const takers = steps.filter((step) => step.step === 'restart-vm' || step.step === 'go-on').map(({ on }) => on)
  const candidates = [...new Set(takers)]
  const reason =
    candidates.length > 0
      ? `${hostName(inventory, lost)} is the coordinator; whoever takes a claim of its VMs has proof that it can no longer act`
      : `${hostName(inventory, lost)} is the coordinator, and no claim can prove that it is dead: an operator must promote`
  return [{ step: 'promote-coordinator', candidates, reason }]
}

/** Nothing: its memory is nowhere else, and it is started from its disks, or not at all. */
function goOn(protection: Protection, situation: Situation, lost: HostUuid, room: Map<HostUuid, number>): GoingOn[] {
  const { vm, claim } = protection
  const on = taker(protection, situation, lost)
  if (claim === null || claim.lockstep === null || typeof on !== 'string') return []
  room.set(on, (room.get(on) ?? 0) - vm.memoryBytes)
  const reason = `its waiting copy on ${hostName(situation.inventory, on)} has all that anybody has heard of it`
  return [{ step: 'go-on', vm: vm.uuid, on, reason }]
}

function restart(protection: Protection, situation: Situation, lost: HostUuid, room: Map<HostUuid, number>): HostLossStep {
  const { vm, level } = protection
  const { inventory } = situation
  if (level === 'unprotected') return { step: 'vm-stays-down', vm: vm.uuid, reason: 'it is unprotected' }
  const on = taker(protection, situation, lost)
  if (typeof on !== 'string') return { step: 'vm-stays-down', vm: vm.uuid, reason: on.why }
  const left = (room.get(on) ?? 0) - vm.memoryBytes
  room.set(on, left)
  const shortOfBytes = Math.max(0, -left)
  const where = `${hostName(inventory, on)} has every byte of its disks`
  const reason = shortOfBytes === 0 ? where : `${where}, but by XAPI's figures lacks ${memory(shortOfBytes)} of memory`
  return { step: 'restart-vm', vm: vm.uuid, on, rank: rank(vm), delaySeconds: vm.startDelaySeconds, shortOfBytes, reason }
}

function rehome(protection: Protection, situation: Situation, lost: HostUuid): HostLossStep[] {
  const { vm } = protection
  const on = taker(protection, situation, lost)
  if (typeof on !== 'string') return [{ step: 'vm-stays-down', vm: vm.uuid, reason: on.why }]
  const reason = `it is ${vm.powerState.toLowerCase()}: its claim moves to ${hostName(situation.inventory, on)}, and it is not started`
  return [{ step: 'rehome-vm', vm: vm.uuid, on, reason }]
}

/**
 * The host that may take the claim: up-to-date for every disk and able to act; the accepted secondary before others. While a memory counts,
 * only whoever has it.
 */
function taker({ claim, secondary }: Protection, situation: Situation, lost: HostUuid): HostUuid | { readonly why: string } {
  if (claim === null) return { why: 'it has no claim: its protection was not finished' }
  const { inventory, suspected } = situation
  const memoryOn = claim.lockstep?.secondary ?? null
  if (memoryOn === lost) return { why: `${hostName(inventory, lost)} keeps its memory` }
  const others = inventory.hosts.filter(({ uuid }) => uuid !== lost && (memoryOn === null || uuid === memoryOn))
  const whole = others.filter(({ uuid }) => isUpToDateEverywhere(claim, uuid))
  if (whole.length === 0) {
    return { why: `no other host is up-to-date; the last acknowledged writes are on ${hostName(inventory, lost)} alone` }
  }
  const able = whole.filter(({ uuid }) => !suspected.has(uuid))
  const best = able.find(({ uuid }) => uuid === secondary) ?? able[0]
  if (best !== undefined) return best.uuid
  if (memoryOn !== null) return { why: `its memory is on ${hostName(inventory, memoryOn)} alone, which does not answer either` }
  return { why: `${whole.map(({ name }) => name).join(', ')} is up-to-date but does not answer either` }
}
