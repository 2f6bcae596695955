import { type Fields, fields, flag, jsonObject, list, oneOf, text, wholeNumber } from './shape'

/** What the hosts of a pool say to each other while it is set up: JSON, as arguments and results of the plug-in. */

/** `setup-offer`: what a host has, and whom only it can open a parcel for. */
export interface SetupOffer {
  readonly version: string
  /** X25519, base64; for one parcel. */
  readonly publicKey: string
  /** SHA-256 in hex; null: it has none. */
  readonly keyDigest: string | null
  /** Workers that have read the key. */
  readonly workers: number
}

/** Inside `setup-take`, sealed for that host. */
export interface SetupParcel {
  /** config.json, whole. */
  readonly config: string
  /** 64 hex digits. */
  readonly key: string
  /** Another key that is there is replaced. */
  readonly renewKey: boolean
}

/** What `setup-take` changed. */
export interface SetupTaken {
  readonly key: 'written' | 'unchanged'
  readonly config: 'written' | 'unchanged'
}

/** `setup-check`: how it looks from that host. */
export interface SetupCheck {
  /** Version of its daemon; null: it does not answer. */
  readonly daemon: string | null
  readonly witnesses: readonly WitnessCheck[]
}

export interface WitnessCheck {
  readonly address: string
  /** Empty: it answers. */
  readonly trouble: string
}

const TEXT_MAX = 65_536
const DONE = ['written', 'unchanged'] as const

/** Each throws Malformed. */
export const setupOfferOf = (json: string): SetupOffer => {
  const { version, publicKey, keyDigest, workers } = jsonObject(json)
  return {
    version: text(version, 'version'),
    publicKey: text(publicKey, 'publicKey'),
    keyDigest: keyDigest === null ? null : text(keyDigest, 'keyDigest'),
    workers: wholeNumber(workers, 'workers'),
  }
}

export const setupParcelOf = (json: string): SetupParcel => {
  const { config, key, renewKey } = jsonObject(json)
  return { config: text(config, 'config', TEXT_MAX), key: text(key, 'key'), renewKey: flag(renewKey, 'renewKey') }
}

export const setupTakenOf = (json: string): SetupTaken => {
  const { key, config } = jsonObject(json)
  return { key: oneOf(DONE, key, 'key'), config: oneOf(DONE, config, 'config') }
}

export const setupCheckOf = (json: string): SetupCheck => {
  const { daemon, witnesses } = jsonObject(json)
  return {
    daemon: daemon === null ? null : text(daemon, 'daemon'),
    witnesses: list(witnesses, 'witnesses', 2).map((one) => witnessCheckOf(fields(one, 'witness'))),
  }
}

const witnessCheckOf = ({ address, trouble }: Fields): WitnessCheck => ({
  address: text(address, 'address', 1000),
  trouble: text(trouble, 'trouble', 1000),
})
