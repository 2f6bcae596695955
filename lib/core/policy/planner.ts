import { hostName } from '../domain/inventory'
import type { PlannedStep, ProtectionPlan, RefusalValue } from '../domain/plan'
import { admit, haltFor, isElsewhere, refuse, volumesOf, type Admitted, type Wish } from './admission'
import { chooseSecondary, isFit, rejections } from './placement'
import { primaryOf, protectionOf, type Situation } from './protection'

export const isRefusal = (outcome: object): outcome is RefusalValue => 'code' in outcome

/** What it takes to give the VM that level, or why it cannot have it. Once that is done, the same question answers no steps. */
export function planProtect(situation: Situation, wish: Wish): ProtectionPlan | RefusalValue {
  if (wish.level === 'unprotected') return planUnprotect(situation, wish.vm)
  const admitted = admit(situation, wish)
  return isRefusal(admitted) ? admitted : planTo(situation, admitted)
}

function planTo(situation: Situation, { protection, level, primary, targetSr }: Admitted): ProtectionPlan | RefusalValue {
  const { inventory } = situation
  const { vm, claim } = protection
  const moving = vm.disks.filter(isElsewhere)
  const srs = [...new Set(vm.disks.map((disk) => (isElsewhere(disk) ? targetSr : disk.sr)))]
  const placing = { vm, primary, srs, standby: level === 'lockstep' }
  const keeps = protection.secondary !== null && claim !== null && isFit(situation, placing, protection.secondary)
  const placement = chooseSecondary(situation, placing)
  const secondary = keeps ? protection.secondary : placement.secondary
  if (secondary === null) {
    const reason = rejections(placement, situation, primary)
    const couldRedirect = level === 'lockstep' && chooseSecondary(situation, { ...placing, standby: false }).secondary !== null
    if (!couldRedirect) return refuse('HOLDFAST_NO_SECONDARY', { vm: vm.name, reason })
    return refuse('HOLDFAST_LEVEL_UNSUPPORTED', {
      level,
      vm: vm.name,
      reason: `No other host can keep its waiting copy: ${reason}.`,
    })
  }
  const steps: PlannedStep[] = moving.map((disk) => ({
    step: 'move-disk',
    userdevice: disk.userdevice,
    vdi: disk.vdi,
    toSr: targetSr,
    sizeBytes: disk.sizeBytes,
    reason: `it is in an SR of type ${disk.srType}, and only disks in a Holdfast SR can be mirrored`,
  }))
  if (claim === null) {
    const reason = `the VM ${vm.residentOn === null ? 'has its disks' : 'runs'} on ${hostName(inventory, primary)}`
    steps.push({ step: 'make-claim', holder: primary, reason })
  }
  if (!keeps) {
    const before = protection.secondary
    const replaces = before === null || before === secondary ? '' : `${hostName(inventory, before)} cannot go on; `
    steps.push({ step: 'prepare-secondary', host: secondary, reason: `${replaces}${placement.because}` })
  }
  if (!keeps || moving.length > 0) {
    const reason = `${hostName(inventory, secondary)} needs every byte before it can take over`
    steps.push({ step: 'mirror-volumes', to: secondary, volumes: volumesOf(vm), reason })
  }
  if (vm.affinity !== primary) {
    steps.push({ step: 'set-affinity', host: primary, reason: 'a plain start then happens where the claim is held' })
  }
  if (level === 'lockstep' && (!keeps || protection.level !== level)) {
    const reason = 'the guest goes on there from its memory when its host is lost; this memory is reserved from now on'
    steps.push({ step: 'prepare-standby', host: secondary, memoryBytes: vm.memoryBytes, reason })
  }
  if (protection.level === 'lockstep' && level !== 'lockstep' && protection.secondary !== null) {
    const reason = `level ${level} restarts the guest from its disks`
    steps.push({ step: 'end-standby', host: protection.secondary, reason })
  }
  if (!keeps || protection.level !== level || protection.note !== '') {
    steps.push({
      step: 'record-level',
      level,
      secondary,
      reason: 'XAPI keeps what was accepted, for every host and over upgrades',
    })
  }
  const needsHalt = haltFor(vm, situation)
  return { vm: vm.uuid, name: vm.name, from: protection.level, to: level, primary, secondary, needsHalt, steps }
}

/** Undoes planProtect. Disks stay in their SR and no data of the primary is touched, so it works while the VM runs. */
export function planUnprotect(situation: Situation, wanted: string): ProtectionPlan | RefusalValue {
  const vm = situation.inventory.vms.find(({ uuid }) => uuid === wanted)
  if (vm === undefined) return refuse('HOLDFAST_UNKNOWN_VM', { vm: wanted.slice(0, 80) })
  const protection = protectionOf(vm, situation.claims.get(vm.uuid) ?? null)
  const { claim, secondary, level, note } = protection
  if (claim === null && level === 'unprotected' && note === '') return refuse('HOLDFAST_NOT_PROTECTED', { vm: vm.name })
  const primary = primaryOf(protection, situation)
  const steps: PlannedStep[] = [
    {
      step: 'record-level',
      level: 'unprotected',
      secondary: null,
      reason: 'the wish is kept first: a crash half-way then leaves something to clear away, not something to protect',
    },
  ]
  if (claim !== null) {
    steps.push({ step: 'remove-claim', reason: `from then on ${hostName(situation.inventory, primary)} alone keeps the disks` })
  }
  if (secondary !== null) {
    const reason = `the copies on ${hostName(situation.inventory, secondary)} would only grow old`
    steps.push({ step: 'drop-replicas', host: secondary, volumes: volumesOf(vm), reason })
  }
  return { vm: vm.uuid, name: vm.name, from: level, to: 'unprotected', primary, secondary, needsHalt: null, steps }
}
