import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { DiskStatus, HostStatus, StatusReport, VmHealth, VmStatus, WitnessStatus } from '../../lib/wire/daemon-api'
import { lockstepLines } from './lockstep-text'
import { bytes, duration, percent } from './quantities'
import { cut, filled, table } from './table'
import { json, paint, type CommandWorld, type Terminal } from './terminal'
import { vmByName } from './vm-by-name'

export function registerStatus(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('status')
    .description('what is protected, how well, and what is being copied')
    .argument('[vm]', 'uuid or name of one VM')
    .option('--json', "the daemon's answer as JSON")
    .action(async (vm: string | undefined, options: { json?: true }) => {
      const report = await ask('status', vm === undefined ? {} : { vm: await vmByName(vm, ask) })
      if (vm !== undefined && report.vms.length === 0) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm })
      if (options.json) terminal.out(json(report))
      else
        terminal.out(vm === undefined ? poolText(report, terminal) : report.vms.map((each) => vmText(each, terminal)).join('\n'))
    })
}

function poolText(report: StatusReport, terminal: Terminal): string {
  const hosts = table(['HOST', 'STATE', 'LAST HEARD'], report.hosts.map(hostRow(terminal)))
  const findings = report.hosts.map(findingsText).join('')
  const witness = witnessesText(report, terminal)
  const unwritten = report.unwritten ? `\n${paint(terminal, 'red', report.unwritten)}\n` : ''
  if (report.vms.length === 0) return `${hosts}${findings}\n${witness}${unwritten}\nNo VMs.\n`
  const vms = table(['VM', 'LEVEL', 'HEALTH', 'RUNS ON', 'SECONDARY', 'COPYING'], report.vms.map(vmRow(terminal)))
  const reasons = report.vms.filter(({ reason }) => reason !== '').map(({ name, reason }) => filled(`${name}: ${reason}`, '  '))
  return `${hosts}${findings}\n${witness}${unwritten}\n${vms}${reasons.length === 0 ? '' : `\n${reasons.join('')}`}`
}

function witnessesText({ witness, alternateWitness = null, vms }: StatusReport, terminal: Terminal): string {
  const line = (name: string, { address, reachable }: WitnessStatus): string =>
    `${name} ${address}: ${reachable ? 'reachable' : paint(terminal, 'red', 'unreachable')}\n`
  if (alternateWitness === null) return line('Witness', witness)
  const elsewhere = vms.filter(({ decidedBy }) => decidedBy === 'alternate').map(({ name }) => name)
  const decided = elsewhere.length === 0 ? '' : filled(`The alternate witness decides about: ${elsewhere.join(', ')}`, '  ')
  return `${line('Preferred witness', witness)}${line('Alternate witness', alternateWitness)}${decided}`
}

const hostRow =
  (terminal: Terminal) =>
  ({ name, state, health, silentMs }: HostStatus): string[] => [
    cut(name, 24),
    state === 'suspected' ? paint(terminal, 'red', state) : health === 'grey' ? paint(terminal, 'yellow', health) : state,
    Object.entries(silentMs)
      .map(([link, ms]) => `${link} ${ms === null ? 'never' : silence(ms)}`)
      .join(', '),
  ]

function findingsText({ name, findings, fenced }: HostStatus): string {
  const off = fenced === null ? [] : [`is proven to be off, by ${fenced === 'power' ? 'its power switch' : "an operator's word"}`]
  const texts = [...findings.map(({ text }) => text), ...off]
  return texts.length === 0 ? '' : filled(`${name} ${texts.join('; it ')}.`, '  ')
}

const silence = (ms: number): string => (ms < 10_000 ? `${ms} ms` : duration(ms / 1000))

const vmRow =
  (terminal: Terminal) =>
  (vm: VmStatus): string[] => [
    cut(vm.name, 24),
    vm.level,
    healthText(terminal, vm.health),
    cut(vm.residentOn ?? `(${vm.powerState.toLowerCase()})`, 14),
    cut(vm.secondary ?? '-', 14),
    copying(vm.disks) ?? '-',
  ]

const COLOURS = { protected: 'green', syncing: 'yellow', degraded: 'red', frozen: 'red' } as const
const healthText = (terminal: Terminal, health: VmHealth): string =>
  health === 'unprotected' ? health : paint(terminal, COLOURS[health], health)

/** How far all running resyncs of a VM are, together; null when none runs. */
export function copying(disks: readonly DiskStatus[]): string | null {
  const running = disks.flatMap(({ resync }) => (resync === null ? [] : [resync]))
  if (running.length === 0) return null
  const done = running.reduce((sum, { doneBytes }) => sum + doneBytes, 0)
  const total = running.reduce((sum, { totalBytes }) => sum + totalBytes, 0)
  const rate = running.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0)
  const left = running.map(({ etaSeconds }) => etaSeconds)
  return `${percent(done, total)}, ${bytes(rate)}/s${leftText(left.includes(null) ? null : Math.max(...left.map(Number)))}`
}

function vmText(vm: VmStatus, terminal: Terminal): string {
  const lines = [
    ['VM', `${vm.name} (${vm.vm})`],
    ['level', vm.level],
    ['health', healthText(terminal, vm.health)],
    ['power', `${vm.powerState}${vm.residentOn === null ? '' : ` on ${vm.residentOn}`}`],
    ['claim', vm.holder === null ? 'none' : `${vm.holder}, term ${vm.term ?? '?'}`],
    ['secondary', vm.secondary ?? 'none'],
    ...(vm.lockstep === undefined
      ? []
      : lockstepLines(vm.lockstep, vm.powerState).map((line, n) => [n === 0 ? 'lockstep' : '', line])),
  ]
  const facts = lines.map(([name = '', value = '']) => `${name.padEnd(10)} ${value}\n`).join('')
  const disks = vm.disks.map((disk) => [
    disk.device,
    bytes(disk.sizeBytes),
    disk.upToDate.join(', ') || '-',
    disk.resync === null ? '-' : resyncText(disk.resync),
    disk.volume,
  ])
  return `${facts}${vm.reason === '' ? '' : `\n${filled(vm.reason, '')}`}\n${table(['DISK', 'SIZE', 'UP-TO-DATE ON', 'RESYNC', 'VOLUME'], disks)}`
}

const resyncText = ({ target, doneBytes, totalBytes, bytesPerSecond, etaSeconds }: NonNullable<DiskStatus['resync']>): string =>
  `to ${target}: ${percent(doneBytes, totalBytes)}, ${bytes(bytesPerSecond)}/s${leftText(etaSeconds)}`

const leftText = (seconds: number | null): string => (seconds === null ? '' : `, ${duration(seconds)} left`)
