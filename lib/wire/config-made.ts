import { Refusal } from '../core/domain/errors'
import { type ConfigGiven, type HostAddresses, holdfastConfig } from './config'
import { type Fields, fields, jsonObject } from './shape'

/** A pool as XAPI describes it, as far as a configuration needs it. */
export interface PoolSurvey {
  readonly pool: string
  readonly hosts: readonly SurveyedHost[]
  readonly networks: readonly SurveyedNetwork[]
}

export interface SurveyedHost {
  readonly uuid: string
  readonly name: string
  /** On the management network. */
  readonly address: string
}

export interface SurveyedNetwork {
  readonly name: string
  /** Address of each host that has one there, by its uuid. */
  readonly addresses: Readonly<Record<string, string>>
  readonly isManagement: boolean
}

export interface SetupWishes {
  /** Null: as it is. */
  readonly witness: string | null
  readonly alternate: string | null
  /** Folder on every host with ca.pem, host.pem and host.key, by which it is known to etcd. */
  readonly tlsFolder: string | null
  /** Names of networks; null: those of before, or all on which every host has an address. */
  readonly alinks: readonly string[] | null
}

/**
 * config.json for the pool. What `former` says is kept, but for the hosts and what is wished. Throws Refusal HOLDFAST_SETUP_LACKS, or
 * Malformed when `former` or a wish is none.
 */
export function configMade(survey: PoolSurvey, wishes: SetupWishes, former: string | null): string {
  const kept: Fields = former === null ? {} : jsonObject(former)
  const witness = wishes.witness ?? kept['witness']
  if (witness === undefined)
    throw lacks('no witness is named', 'Add --witness with what it printed: holdfast witness invite --data DIR, on its machine.')
  const made: Fields = {
    ...kept,
    ...{ format: 1, pool: survey.pool, witness },
    ...(wishes.tlsFolder === null ? {} : { witnessTls: tlsIn(wishes.tlsFolder) }),
    ...(wishes.alternate === null ? {} : { alternateWitness: wishes.alternate }),
    hosts: hostsMade(survey, alinksFor(survey, wishes.alinks, fields(kept['hosts'] ?? {}, 'hosts'))),
  }
  const json = `${JSON.stringify(made, null, 2)}\n`
  holdfastConfig(json)
  return json
}

const tlsIn = (folder: string): object => ({
  ...{ ca: `${folder}/ca.pem`, cert: `${folder}/host.pem`, key: `${folder}/host.key` },
})

function hostsMade({ hosts }: PoolSurvey, networks: readonly SurveyedNetwork[]): ConfigGiven['hosts'] {
  const entries = hosts.map(({ uuid, name, address }): [string, HostAddresses] => {
    const missing = networks.find(({ addresses }) => addresses[uuid] === undefined)
    if (missing !== undefined)
      throw lacks(`host ${name} has no address on network ${missing.name}`, 'Give it one, or name other networks with --alink.')
    return [uuid, { name, management: address, alinks: networks.map(({ addresses }) => addresses[uuid] ?? '') }]
  })
  return Object.fromEntries(entries)
}

function alinksFor(
  { hosts, networks }: PoolSurvey,
  wished: readonly string[] | null,
  former: Fields,
): readonly SurveyedNetwork[] {
  if (wished !== null) return wished.map((name) => named(networks, name))
  const [known] = Object.entries(former)
  if (known === undefined)
    return networks.filter(({ isManagement, addresses }) => !isManagement && hosts.every(({ uuid }) => uuid in addresses))
  const [uuid, of] = known
  const { alinks = [] } = fields(of, `hosts.${uuid}`)
  return (Array.isArray(alinks) ? alinks : []).map((address: unknown) => {
    const found = networks.find(({ addresses }) => addresses[uuid] === address)
    if (found !== undefined) return found
    throw lacks(
      `the A-link address ${String(address)} is on none of the pool's networks`,
      'Name the networks of the A-links: --alink NETWORK',
    )
  })
}

function named(networks: readonly SurveyedNetwork[], name: string): SurveyedNetwork {
  const found = networks.find((network) => network.name === name)
  if (found !== undefined) return found
  const names = networks.map((network) => network.name).join(', ')
  throw lacks(`there is no network "${name}"`, `Choose among: ${names}.`)
}

const lacks = (reason: string, todo: string): Refusal => new Refusal('HOLDFAST_SETUP_LACKS', { reason, todo })
