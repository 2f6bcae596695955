import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'

export type HostName = 'a' | 'b'
export const HOSTS: readonly HostName[] = ['a', 'b']
export const otherHost = (name: HostName): HostName => (name === 'a' ? 'b' : 'a')

export const UUIDS = {
  a: hostUuid('aaaaaaaa-0000-4000-8000-000000000001'),
  b: hostUuid('bbbbbbbb-0000-4000-8000-000000000002'),
} as const
export const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
export const VOLUME = volumeKey('dddddddd-0000-4000-8000-000000000004')
