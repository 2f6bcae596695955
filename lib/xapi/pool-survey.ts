import type { PoolSurvey } from '../wire/config-made'
import { OddAnswer, XapiRecord } from './records'
import type { RootSession } from './root-session'

const LIMIT_MS = 20_000

export interface Survey extends PoolSurvey {
  readonly haEnabled: boolean
  /** By uuid, for calls. */
  readonly hostRefs: ReadonlyMap<string, string>
}

/** What XAPI knows of the pool's hosts and networks now. Rejects with XapiFailure or OddAnswer. */
export async function surveyPool(session: RootSession): Promise<Survey> {
  const records = async (cls: string): Promise<readonly XapiRecord[]> => {
    const answer = await session.call(`${cls}.get_all_records`, [], LIMIT_MS)
    return Object.entries(fieldsOf(answer, cls)).map(([ref, record]) => new XapiRecord(cls, ref, fieldsOf(record, cls)))
  }
  const [pools, hosts, pifs, networks] = await Promise.all(['pool', 'host', 'PIF', 'network'].map(records))
  const [pool] = pools ?? []
  if (pool === undefined || hosts === undefined || pifs === undefined || networks === undefined)
    throw new OddAnswer('there is no pool')
  const uuidOf = new Map(hosts.map((host) => [host.ref, host.text('uuid')]))
  const withAddress = pifs.filter((pif) => pif.text('IP') !== '' && pif.bool('currently_attached'))
  return {
    pool: pool.text('uuid'),
    haEnabled: pool.bool('ha_enabled'),
    hosts: byName(
      hosts.map((host) => ({ uuid: host.text('uuid'), name: host.text('name_label'), address: host.text('address') })),
    ),
    networks: byName(
      networks.map((network) => {
        const there = withAddress.filter((pif) => pif.text('network') === network.ref)
        return {
          name: network.text('name_label'),
          addresses: Object.fromEntries(there.map((pif) => [uuidOf.get(pif.text('host')) ?? '', pif.text('IP')])),
          isManagement: there.some((pif) => pif.bool('management')),
        }
      }),
    ),
    hostRefs: new Map(hosts.map((host) => [host.text('uuid'), host.ref])),
  }
}

const fieldsOf = (value: unknown, cls: string): Readonly<Record<string, unknown>> => {
  if (typeof value === 'object' && value !== null) return { ...value }
  throw new OddAnswer(`${cls}.get_all_records answered no map of records`)
}

/** Every host's configuration lists them in the same order. */
const byName = <T extends { readonly name: string }>(named: readonly T[]): readonly T[] =>
  [...named].sort((a, b) => (a.name < b.name ? -1 : 1))
