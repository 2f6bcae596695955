declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** XAPI uuid of a host: stable, the same at every witness, on every link. */
export type HostUuid = Brand<string, 'HostUuid'>
/** XAPI uuid of a VM: stable across power cycles and restarts elsewhere (facts I5). */
export type VmUuid = Brand<string, 'VmUuid'>
/** Our own name of a disk in a Holdfast SR. XAPI's VDI uuid may change (revert, migration); this does not. */
export type VolumeKey = Brand<string, 'VolumeKey'>
export type SrUuid = Brand<string, 'SrUuid'>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isUuid = (text: string): boolean => UUID.test(text)

const checked = (text: string, what: string): string => {
  if (!isUuid(text)) throw new TypeError(`not the uuid of a ${what}: ${JSON.stringify(text.slice(0, 80))}`)
  return text
}

export const hostUuid = (text: string): HostUuid => checked(text, 'host') as HostUuid
export const vmUuid = (text: string): VmUuid => checked(text, 'VM') as VmUuid
export const volumeKey = (text: string): VolumeKey => checked(text, 'volume') as VolumeKey
export const srUuid = (text: string): SrUuid => checked(text, 'SR') as SrUuid

/** The control domain's own domid: its disk clients are no guest's. */
export const DOM0 = '0'
