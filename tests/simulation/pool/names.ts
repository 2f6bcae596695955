import { type HostUuid, hostUuid, type VmUuid, vmUuid, type VolumeKey, volumeKey } from '../../../lib/core/domain/ids'

export const POOL = '90000000-0000-4000-8000-00000000000f'
/** One letter each; in the order in which their uuids are. */
export const HOST_NAMES = ['a', 'b', 'c', 'd', 'e'] as const
export type MachineName = (typeof HOST_NAMES)[number]

const numbered = (letter: string, index: number): string => `${letter.repeat(8)}-0000-4000-8000-00000000000${index + 1}`

export const hostOf = (name: MachineName): HostUuid => hostUuid(numbered(name, HOST_NAMES.indexOf(name)))
export const vmOf = (index: number): VmUuid => vmUuid(`99999999-0000-4000-8000-00000000000${index + 1}`)
export const volumeOf = (index: number): VolumeKey => volumeKey(`88888888-0000-4000-8000-00000000000${index + 1}`)

export const nameOf = (host: string): MachineName => {
  const name = HOST_NAMES.find((each) => hostOf(each) === host)
  if (name === undefined) throw new Error(`the simulation is wrong: nobody is ${host}`)
  return name
}
