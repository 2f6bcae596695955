import { holdfastConfig } from '../../../lib/wire/config'
import type { SetupOffer } from '../../../lib/wire/setup'
import type { Survey } from '../../../lib/xapi/pool-survey'
import { thisHost } from '../../this-host'
import type { SetupHosts } from './hosts'
import { isReady, type SetupHost, type SetupReport } from './report'

/** A supervisor may let a daemon that failed before wait some seconds. */
const READY_LIMIT_MS = 30_000
const LOOK_AGAIN_MS = 500

export interface Delivery {
  readonly hosts: SetupHosts
  readonly offers: ReadonlyMap<string, SetupOffer>
  readonly survey: Survey
  readonly config: string
  readonly key: Buffer
  readonly renewKey: boolean
  readonly tell: (doing: string) => void
}

/** This host first: it has then what a second attempt needs. */
export async function delivered({ hosts, offers, survey, config, key, renewKey, tell }: Delivery): Promise<SetupReport> {
  const self = thisHost()
  const inOrder = [...survey.hosts].sort((a, b) => Number(b.uuid === self) - Number(a.uuid === self))
  const { witness, alternateWitness, hosts: addresses } = holdfastConfig(config)
  const given = new Map<string, Awaited<ReturnType<SetupHosts['give']>>>()
  for (const { uuid, name } of inOrder) {
    const offer = offers.get(uuid)
    if (offer === undefined) continue
    tell(`giving key and configuration to ${name}`)
    given.set(uuid, await hosts.give(uuid, offer, { config, key, renewKey }))
    // Its workers may be starting again with new settings: those of the other side are not to do so meanwhile.
    if (offer.workers > 0) await checkedWhenReady(hosts, uuid)
  }
  tell('waiting for the daemons')
  const rows = await Promise.all(
    survey.hosts.map(async ({ uuid, name }): Promise<SetupHost> => {
      const { management, alinks } = Object.entries(addresses).find(([host]) => host === uuid)?.[1] ?? {
        management: '',
        alinks: [],
      }
      const taken = given.get(uuid) ?? { key: 'unchanged', config: 'unchanged' }
      return { uuid, name, management, alinks, ...taken, ...(await checkedWhenReady(hosts, uuid)) }
    }),
  )
  return { pool: survey.pool, witness, alternateWitness, hosts: rows, ready: rows.every(isReady) }
}

async function checkedWhenReady(hosts: SetupHosts, uuid: string): ReturnType<SetupHosts['check']> {
  const untilMs = performance.now() + READY_LIMIT_MS
  for (;;) {
    const check = await hosts.check(uuid)
    if (isReady(check) || performance.now() > untilMs) return check
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
}
