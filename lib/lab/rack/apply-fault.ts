/** What each fault and each undo does to the rack. @returns a sentence for people */
import {
  BadRequest,
  type CutFault,
  type DiskFault,
  type Fault,
  linksOf,
  type ProcessFault,
  type WitnessFault,
} from '../faults/fault'
import { gapsBetween } from '../net/cut'
import type { Bmc } from './bmc'
import type { Host } from './host'
import type { Place } from './place'
import type { Rack } from './rack'

export async function applyFault(rack: Rack, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case 'witness': {
      const { service } = rack.witness(fault.name ?? 'witness')
      if (service?.isRunning !== true) throw new BadRequest(`${witnessText(fault)} does not run`)
      await service.kill()
      return `${witnessText(fault)} is killed`
    }
    case 'host': {
      const { place, host } = powered(rack, fault.host)
      if (fault.how === 'stop') {
        await host.processes.stopAll(place)
        return `${fault.host} stands still`
      }
      await host.powerOff()
      return `${fault.host} has lost power`
    }
    case 'link':
      await hostOf(rack, fault.host).setLinks(fault.link, 'down')
      return `${fault.host}: ${fault.link} down`
    case 'bmc':
      await bmcOf(rack, fault.host).hang()
      return `the power switch of ${fault.host} answers nobody`
    case 'cut':
      return cut(rack, fault, 'open')
    case 'disk':
      await hostOf(rack, fault.host).disk.add({ volume: fault.volume, ops: fault.ops, error: fault.error })
      return `${fault.host}: ${diskText(fault)} ${fault.error === 'hang' ? 'hangs' : `answers ${fault.error}`}`
    case 'process':
      return signalProcess(powered(rack, fault.host), fault)
  }
}

export async function undoFault(rack: Rack, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case 'witness': {
      const { service } = rack.witness(fault.name ?? 'witness')
      if (service === null) throw new BadRequest('this lab has no witness')
      service.start()
      return `${witnessText(fault)} runs`
    }
    case 'host': {
      const host = hostOf(rack, fault.host)
      if (host.place !== null && host.processes.standsStill) {
        await host.processes.resumeAll(host.place)
        for (const service of host.services) service.wake()
        return `${fault.host} goes on`
      }
      await host.boot()
      return `${fault.host} has booted`
    }
    case 'link':
      await hostOf(rack, fault.host).setLinks(fault.link, 'up')
      return `${fault.host}: ${fault.link} up`
    case 'bmc':
      await bmcOf(rack, fault.host).restart()
      return `the power switch of ${fault.host} is started anew`
    case 'cut':
      return cut(rack, fault, 'closed')
    case 'disk': {
      const repaired = await hostOf(rack, fault.host).disk.repair(fault.volume)
      if (repaired === 0) throw new BadRequest(`${fault.host} has no such fault of its disk`)
      return `${fault.host}: ${fault.volume ?? 'the whole disk'} repaired`
    }
    case 'process':
      return reviveProcess(powered(rack, fault.host), fault)
  }
}

async function cut(rack: Rack, { host, other, link, direction }: CutFault, state: 'open' | 'closed'): Promise<string> {
  const ends = [rack.end(host), rack.end(other)] as const
  const ways = [...(direction === 'from' ? [] : [ends]), ...(direction === 'to' ? [] : [[ends[1], ends[0]] as const])]
  let changed = 0
  for (const [sender, receiver] of ways)
    changed += await sender.gaps.set(sender.place, gapsBetween(sender.wires, receiver.wires, linksOf(link)), state)
  const between = `${link} between ${host} and ${other}${direction === 'both' ? '' : ` (what ${host} ${direction === 'to' ? 'sends' : 'is sent'})`}`
  if (changed === 0) throw new BadRequest(state === 'open' ? `${between}: nothing is left to cut` : `${between}: nothing was cut`)
  return `${between} ${state === 'open' ? 'cut' : 'mended'}`
}

type Powered = ReturnType<typeof powered>

async function signalProcess({ host, place }: Powered, fault: ProcessFault): Promise<string> {
  const pids = await host.processes.signal(place, fault.process, fault.how)
  return `${fault.host}: ${fault.how === 'kill' ? 'killed' : 'stopped'} ${fault.process} (pid ${pids.join(', ')})`
}

async function reviveProcess({ host, place }: Powered, fault: ProcessFault): Promise<string> {
  const resumed = await host.processes.resume(place, fault.process)
  const services = host.services.filter((service) => service.spec.name === fault.process)
  if (resumed) for (const service of host.services) service.wake()
  for (const service of services) service.start()
  if (!resumed && services.length === 0) {
    const names = host.services.map(({ spec }) => spec.name).join(', ')
    throw new BadRequest(
      `nothing to undo for ${fault.process} on ${fault.host}; its services are: ${names === '' ? 'none' : names}`,
    )
  }
  return `${fault.host}: ${fault.process} ${resumed ? 'goes on' : 'runs'}`
}

function hostOf(rack: Rack, name: string): Host {
  const host = rack.hosts.find((candidate) => candidate.description.name === name)
  if (host === undefined)
    throw new BadRequest(`no host ${name}; choose one of: ${rack.hosts.map((h) => h.description.name).join(', ')}`)
  return host
}

function bmcOf(rack: Rack, host: string): Bmc {
  const bmc = rack.bmc(host)
  if (bmc === undefined) throw new BadRequest('this lab has no power switches; make one with: holdfast lab up --bmc')
  return bmc
}

function powered(rack: Rack, name: string): { readonly host: Host; readonly place: Place } {
  const host = hostOf(rack, name)
  const { place } = host
  if (place === null) throw new BadRequest(`${name} is off; boot it first: holdfast lab fault host --host ${name} --undo`)
  return { host, place }
}

const witnessText = ({ name }: WitnessFault): string => (name === 'alternate' ? 'the alternate witness' : 'the witness')
const diskText = ({ volume, ops }: DiskFault): string =>
  `${volume ?? 'the whole disk'}: ${ops === 'both' ? 'every read and write' : `every ${ops.slice(0, -1)}`}`
