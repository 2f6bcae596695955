import { hostUuid, type HostUuid } from '../core/domain/ids'
import { type Fields, fields, id, Malformed, oneOf, text, wholeNumber } from './shape'

/** How one host is switched off: its board management controller, which speaks IPMI 2.0. */
export interface PowerSwitch {
  readonly kind: 'ipmi'
  /** host, or host:port where it is not 623; an IPv6 host in brackets. */
  readonly address: string
  readonly user: string
  /** Holds the password and a line's end; readable by root only, on every host. */
  readonly passwordFile: string
  /** IPMI's number of a suite, where the controller does not say which ones it knows. */
  readonly cipherSuite?: number
}

export type PowerSettings = Readonly<Record<HostUuid, PowerSwitch>>

const KINDS = ['ipmi'] as const
const KNOWN = ['kind', 'address', 'user', 'passwordFile', 'cipherSuite']
const ADDRESS = /^(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:/[\]-][^\s:/[\]]*)(?::\d{1,5})?$/
const CIPHER_SUITE_MAX = 255
const PATH_LENGTH_MAX = 4096

/** `power` of a configuration. Throws Malformed, which names what is wrong. */
export function powerSettings(given: Fields): PowerSettings {
  return Object.fromEntries(
    Object.entries(given).map(([uuid, one]) => [
      id(hostUuid, uuid, 'the name of a host in power'),
      powerSwitch(fields(one, `power.${uuid}`), `power.${uuid}`),
    ]),
  )
}

function powerSwitch(given: Fields, place: string): PowerSwitch {
  const strange = Object.keys(given).find((name) => !KNOWN.includes(name))
  if (strange !== undefined) throw new Malformed(`${place}.${strange.slice(0, 40)} is not a setting`)
  const { kind, address, user, passwordFile, cipherSuite } = given
  const one = {
    kind: oneOf(KINDS, kind, `${place}.kind`),
    address: text(address, `${place}.address`),
    user: text(user, `${place}.user`),
    passwordFile: text(passwordFile, `${place}.passwordFile`, PATH_LENGTH_MAX),
  }
  if (!ADDRESS.test(one.address)) throw new Malformed(`${place}.address is neither HOST nor HOST:PORT`)
  if (!one.passwordFile.startsWith('/')) throw new Malformed(`${place}.passwordFile is not an absolute path`)
  if (cipherSuite === undefined) return one
  const suite = wholeNumber(cipherSuite, `${place}.cipherSuite`)
  if (suite > CIPHER_SUITE_MAX)
    throw new Malformed(`${place}.cipherSuite is ${suite}. It must be between 0 and ${CIPHER_SUITE_MAX}.`)
  return { ...one, cipherSuite: suite }
}
