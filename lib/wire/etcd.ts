import type { Claim, StoredClaim } from '../core/domain/claim'
import { claimOf } from './claim-json'
import { type Fields, fields, flag, jsonObject, list, Malformed, text } from './shape'

/**
 * What is asked of etcd's JSON gateway: transactions, `POST /v3/kv/txn`, and nothing else. Keys and values travel as base64,
 * 64-bit numbers as text, and a field that is zero, false or empty is left out of an answer.
 */
export interface Txn {
  readonly compare: readonly object[]
  readonly success: readonly object[]
  readonly failure: readonly object[]
}
export const TXN_PATH = '/v3/kv/txn'

const base64 = (plain: string): string => Buffer.from(plain).toString('base64')

/** The key was last changed in this revision; 0: there is no such key. */
export const revisionIs = (key: string, revision: number): object => ({
  ...{ key: base64(key), result: 'EQUAL', target: 'MOD', mod_revision: String(revision) },
})
export const valueIs = (key: string, value: string): object => ({
  ...{ key: base64(key), result: 'EQUAL', target: 'VALUE', value: base64(value) },
})
export const put = (key: string, value: string): object => ({ request_put: { key: base64(key), value: base64(value) } })
export const get = (key: string): object => ({ request_range: { key: base64(key) } })
export const forget = (key: string): object => ({ request_delete_range: { key: base64(key) } })

export interface Found {
  readonly value: string
  /** Of the last change of this key. No other change of any key ever has the same. */
  readonly revision: number
}

export interface TxnAnswer {
  readonly cluster: string
  /** Of the whole store, after the transaction: the one of everything that it put. */
  readonly revision: number
  readonly succeeded: boolean
  /** What was got, by key. */
  readonly found: ReadonlyMap<string, Found>
}

/** Throws Malformed. */
export function txnAnswerOf(body: string): TxnAnswer {
  const answer = jsonObject(body)
  const header = fields(answer['header'], 'header')
  const found = new Map<string, Found>()
  for (const response of list(answer['responses'] ?? [], 'responses', RESPONSES_MAX)) {
    const range = fields(response, 'response')['response_range']
    if (range === undefined) continue
    for (const row of list(fields(range, 'range')['kvs'] ?? [], 'kvs', 1)) {
      const { key, ...rest } = foundOf(fields(row, 'kv'))
      found.set(key, rest)
    }
  }
  return {
    cluster: text(header['cluster_id'], 'header.cluster_id'),
    revision: int64(header['revision'], 'header.revision'),
    succeeded: flag(answer['succeeded'] ?? false, 'succeeded'),
    found,
  }
}
const RESPONSES_MAX = 16

const foundOf = (row: Fields): Found & { key: string } => ({
  key: plain(row['key'], 'kv.key', 1000),
  value: plain(row['value'] ?? '', 'kv.value', VALUE_MAX),
  revision: int64(row['mod_revision'], 'kv.mod_revision'),
})
const VALUE_MAX = 2 * 1024 * 1024

const plain = (value: unknown, place: string, lengthMax: number): string =>
  Buffer.from(text(value, place, lengthMax), 'base64').toString()

function int64(value: unknown, place: string): number {
  const digits = text(value, place)
  const number = Number(digits)
  if (!/^\d+$/.test(digits) || !Number.isSafeInteger(number)) throw new Malformed(`${place} is not a whole number`)
  return number
}

/** What stands in etcd for one VM: see docs/reference/witness.md. */
export interface ClaimKeys {
  readonly claim: string
  readonly who: string
  readonly beat: string
}

export const claimKeys = (pool: string, vm: string): ClaimKeys => ({
  claim: `holdfast/${pool}/claim/${vm}`,
  who: `holdfast/${pool}/who/${vm}`,
  beat: `holdfast/${pool}/beat/${vm}`,
})
export const clientKey = (pool: string, client: string): string => `holdfast/${pool}/client/${client}`

export const whoText = (term: number, holder: string): string => `${term}:${holder}`
export const claimText = (claim: Claim): string => JSON.stringify(claim)

/** Throws Malformed when something else than a claim of this VM stands there. */
export function storedIn({ found }: TxnAnswer, keys: ClaimKeys, vm: string): StoredClaim | null {
  const at = found.get(keys.claim)
  if (at === undefined) return null
  const claim = claimOf(jsonObject(at.value))
  if (claim.vm !== vm) throw new Malformed('the claim is of another VM')
  return { revision: at.revision, claim }
}

const ADDRESS = /^etcd\+(https?):\/\/([^/?#@]+)\/?$/
const ENDPOINT = /^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/
const ENDPOINTS_MAX = 9

/** `etcd+https://a:2379,b:2379,c:2379` as URLs without a path; null: the text names no etcd. Throws Malformed. */
export function etcdEndpoints(address: string): readonly string[] | null {
  if (!address.startsWith('etcd+')) return null
  const [, scheme, places] = ADDRESS.exec(address) ?? []
  const endpoints = places?.split(',') ?? []
  if (scheme === undefined || endpoints.length > ENDPOINTS_MAX || !endpoints.every((endpoint) => ENDPOINT.test(endpoint)))
    throw new Malformed(`not etcd+https://HOST:PORT,HOST:PORT,...: ${JSON.stringify(address.slice(0, 100))}`)
  return endpoints.map((endpoint) => `${scheme}://${endpoint}`)
}
