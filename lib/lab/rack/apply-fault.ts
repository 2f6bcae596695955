/** What each fault and each undo does to the rack. @returns a sentence for people */
import { BadRequest, type DiskFault, type Fault, type ProcessFault } from '../faults/fault'
import type { Host } from './host'
import type { Rack } from './rack'

export async function applyFault(rack: Rack, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case 'witness': {
      if (rack.witness?.isRunning !== true) throw new BadRequest('the witness does not run')
      await rack.witness.kill()
      return 'the witness is killed'
    }
    case 'host': {
      const host = poweredHost(rack, fault.host)
      await host.powerOff()
      return `${fault.host} has lost power`
    }
    case 'link':
      await hostOf(rack, fault.host).setLinks(fault.link, 'down')
      return `${fault.host}: ${fault.link} down`
    case 'disk':
      await hostOf(rack, fault.host).disk.add({ volume: fault.volume, ops: fault.ops, error: fault.error })
      return `${fault.host}: ${diskText(fault)} ${fault.error === 'hang' ? 'hangs' : `answers ${fault.error}`}`
    case 'process':
      return signalProcess(poweredHost(rack, fault.host), fault)
  }
}

export async function undoFault(rack: Rack, fault: Fault): Promise<string> {
  switch (fault.kind) {
    case 'witness': {
      if (rack.witness === null) throw new BadRequest('this lab has no witness')
      rack.witness.start()
      return 'the witness runs'
    }
    case 'host':
      await hostOf(rack, fault.host).boot()
      return `${fault.host} has booted`
    case 'link':
      await hostOf(rack, fault.host).setLinks(fault.link, 'up')
      return `${fault.host}: ${fault.link} up`
    case 'disk': {
      const repaired = await hostOf(rack, fault.host).disk.repair(fault.volume)
      if (repaired === 0) throw new BadRequest(`${fault.host} has no such fault of its disk`)
      return `${fault.host}: ${fault.volume ?? 'the whole disk'} repaired`
    }
    case 'process':
      return reviveProcess(poweredHost(rack, fault.host), fault)
  }
}

async function signalProcess(host: Host, fault: ProcessFault): Promise<string> {
  if (host.place === null) throw new BadRequest(`${fault.host} is off`)
  const pids = await host.processes.signal(host.place, fault.process, fault.how)
  return `${fault.host}: ${fault.how === 'kill' ? 'killed' : 'stopped'} ${fault.process} (pid ${pids.join(', ')})`
}

async function reviveProcess(host: Host, fault: ProcessFault): Promise<string> {
  if (host.place === null) throw new BadRequest(`${fault.host} is off`)
  const resumed = await host.processes.resume(host.place, fault.process)
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

function poweredHost(rack: Rack, name: string): Host {
  const host = hostOf(rack, name)
  if (host.place === null) throw new BadRequest(`${name} is off; boot it first: holdfast lab fault host --host ${name} --undo`)
  return host
}

const diskText = ({ volume, ops }: DiskFault): string =>
  `${volume ?? 'the whole disk'}: ${ops === 'both' ? 'every read and write' : `every ${ops.slice(0, -1)}`}`
