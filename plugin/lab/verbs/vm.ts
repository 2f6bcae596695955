import type { Command } from 'commander'
import { BadRequest } from '../../../lib/lab/faults/fault'
import { openLab, type Lab } from '../../../lib/lab/rack/lab'
import { createGuestVm } from '../../../lib/lab/seed/guest-vm'
import { CallFailed, LocalApi } from '../../../lib/lab/seed/local-api'
import { acting, dirOf, withDir } from './acting'

interface VmOptions {
  readonly sr: string
  readonly size: string
  readonly address: string
}

const MIB = 1024 * 1024

export function registerVm(lab: Command): void {
  withDir(lab.command('vm'))
    .description('make a halted VM that runs redis on one disk')
    .argument('<name>', "the VM's name")
    .requiredOption('--sr <uuid>', 'where its disk is made')
    .option('--size <MiB>', 'of its disk', '128')
    .option('--address <address>', 'its address on production, seen from the client', '10.77.3.10')
    .action((name: string, options: VmOptions, verb: Command) =>
      acting(async () => {
        const diskBytes = sizeOf(options.size)
        const api = await login(await openLab(dirOf(verb)))
        const sr = await srOf(api, options.sr)
        const { vmUuid } = await createGuestVm(api, { name, sr, diskBytes, address: `${options.address}/24` })
        await api.logout()
        process.stdout.write(`${vmUuid}\n`)
        return 0
      }),
    )
}

function sizeOf(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new BadRequest(`--size ${text}: write a number of MiB`)
  return Number(text) * MIB
}

async function srOf(api: LocalApi, uuid: string): Promise<string> {
  try {
    return await api.ref('SR.get_by_uuid', uuid)
  } catch (error) {
    if (error instanceof CallFailed && error.code === 'UUID_INVALID') throw new BadRequest(`the pool has no SR ${uuid}`)
    throw error
  }
}

async function login(lab: Lab): Promise<LocalApi> {
  const { hosts } = await lab.status()
  const powered = hosts.find(({ power }) => power === 'on')?.name
  const socket = lab.hosts.find(({ name }) => name === powered)?.xapiSocket
  if (socket === undefined) throw new BadRequest('every host is off')
  return LocalApi.login(socket)
}
