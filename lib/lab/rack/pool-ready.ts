import { setTimeout as pause } from 'node:timers/promises'
import { CallFailed, LocalApi } from '../seed/local-api'
import type { LabHost } from './lab'

const POLL_MS = 50

/**
 * Until the pool is whole: each xapi accepts connections before it has found the coordinator, and a host is enabled, and takes
 * calls that the coordinator forwards, only after that.
 */
export async function poolReady(hosts: readonly LabHost[], limitMs: number): Promise<void> {
  const end = Date.now() + limitMs
  const [first] = hosts
  if (first === undefined) return
  const api = await LocalApi.login(first.xapiSocket, limitMs)
  for (const { name, uuid } of hosts) {
    while (!(await inThePool(api, uuid))) {
      if (Date.now() > end) throw new Error(`${name} did not join the pool in ${limitMs / 1000} s`)
      await pause(POLL_MS)
    }
  }
  await api.logout()
}

async function inThePool(api: LocalApi, uuid: string): Promise<boolean> {
  try {
    const host = await api.ref('host.get_by_uuid', uuid)
    await api.call('host.get_servertime', host)
    return (await api.call('host.get_enabled', host)) === true
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error
    return false
  }
}
