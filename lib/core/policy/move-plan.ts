import type { HostUuid, VmUuid } from '../domain/ids'
import { isUpToDateEverywhere, type Claim } from '../domain/claim'
import { hostName, type InventoryHost, type InventoryVm, type PoolInventory } from '../domain/inventory'
import type { RefusalValue } from '../domain/plan'
import { refuse, volumesOf } from './admission'
import { unfitness } from './placement'
import type { Situation } from './protection'

export interface MoveWish {
  /** Uuid of the VM as the operator wrote it; checked here. */
  readonly vm: string
  /** Uuid or name of a host. */
  readonly to: string
}

/** How a VM comes to run on the other of its two hosts. */
export interface MovePlan {
  readonly vm: VmUuid
  readonly name: string
  readonly from: HostUuid
  readonly to: HostUuid
  /** It runs, and is to be started again. */
  readonly starts: boolean
  /** In order; empty when it is there already. */
  readonly steps: readonly MovePlanStep[]
}

export interface MovePlanStep {
  readonly step: string
  readonly reason: string
}

/** Changes nothing. The first reason that speaks against it is told. */
export function planMove(situation: Situation, wish: MoveWish): MovePlan | RefusalValue {
  const { inventory } = situation
  const vm = inventory.vms.find(({ uuid }) => uuid === wish.vm)
  if (vm === undefined) return refuse('HOLDFAST_UNKNOWN_VM', { vm: wish.vm.slice(0, 80) })
  const host = hostCalled(inventory, wish.to)
  if (host === undefined) return refuse('HOLDFAST_UNKNOWN_HOST', { host: wish.to.slice(0, 80) })
  if (inventory.haEnabled) return refuse('HOLDFAST_XAPI_HA_ENABLED', {})
  const claim = situation.claims.get(vm.uuid)
  const no = (reason: string, todo: string): RefusalValue =>
    refuse('HOLDFAST_MOVE_REFUSED', { vm: vm.name, host: host.name, reason, todo })
  if (claim === undefined)
    return no(
      'It is not protected, and no other host has its disks',
      `Protect it first: holdfast protect ${vm.name} --level redirect`,
    )
  const from = claim.holder
  const starts = vm.powerState === 'Running'
  const plan = { vm: vm.uuid, name: vm.name, from, to: host.uuid, starts }
  const against = obstacle(situation, vm, claim, host)
  if (against !== null) return no(...against)
  return { ...plan, steps: host.uuid === from ? [] : stepsOf(inventory, plan) }
}

type Obstacle = readonly [reason: string, todo: string]

function obstacle(situation: Situation, vm: InventoryVm, claim: Claim, host: InventoryHost): Obstacle | null {
  const { inventory, homes } = situation
  const { holder } = claim
  if (vm.powerState === 'Suspended' || vm.powerState === 'Paused')
    return [`It is ${vm.powerState.toLowerCase()}, and its memory would stay behind`, 'Let it run or shut it down, then repeat.']
  if (vm.operations.length > 0) return [`XAPI is working on it (${vm.operations.join(', ')})`, 'Repeat when that is over.']
  if (vm.residentOn !== null && vm.residentOn !== holder)
    return [
      `It runs on ${hostName(inventory, vm.residentOn)}, and ${hostName(inventory, holder)} holds its claim`,
      'Look at: holdfast status',
    ]
  if (host.uuid === holder) return null
  const keys = volumesOf(vm)
  const apart = keys.find((key) => homes.get(key)?.includes(host.uuid) !== true)
  if (apart !== undefined) {
    const peers = [...new Set(keys.flatMap((key) => homes.get(key) ?? []))].filter((home) => home !== holder)
    const names = peers.map((home) => hostName(inventory, home)).join(', ')
    return [
      `That host keeps no replica of it; ${names === '' ? 'no host does' : `${names} does`}`,
      'Choose the host that status calls its secondary.',
    ]
  }
  if (!isUpToDateEverywhere(claim, host.uuid))
    return ['The replica there is not up-to-date', 'Wait until holdfast status calls the VM protected, then repeat.']
  if (situation.suspected.has(holder))
    return [
      `${hostName(inventory, holder)}, which holds its claim, does not answer`,
      'If it is dead, the VM is restarted by itself: holdfast timeline',
    ]
  const srs = [...new Set(vm.disks.map(({ sr }) => sr))]
  const unfit = unfitness(situation, { vm, primary: holder, srs }, host)
  return unfit === null ? null : [`That host cannot run it: ${unfit}`, 'Mend that, then repeat.']
}

function stepsOf(inventory: PoolInventory, { name, from, to, starts }: Omit<MovePlan, 'steps'>): MovePlanStep[] {
  const there = hostName(inventory, to)
  return [
    ...(starts
      ? [
          {
            step: `shut ${name} down on ${hostName(inventory, from)}`,
            reason: 'a claim changes hands only while no guest uses the disks',
          },
        ]
      : []),
    { step: `hand the claim over to ${there}`, reason: 'its replica of every disk is up-to-date, so nothing is copied' },
    ...(starts ? [{ step: `start ${name} on ${there}`, reason: 'it ran before' }] : []),
    { step: `set the VM's affinity to ${there}`, reason: 'a plain start then happens where the claim is held' },
  ]
}

const hostCalled = ({ hosts }: PoolInventory, text: string): InventoryHost | undefined =>
  hosts.find(({ uuid }) => uuid === text) ?? onlyOne(hosts.filter(({ name }) => name === text))

const onlyOne = <T>(found: readonly T[]): T | undefined => (found.length === 1 ? found[0] : undefined)
