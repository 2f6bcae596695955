import { readFileSync } from 'node:fs'
import { brokenCarry, brokenRule } from '../lib/core/witness/rules'
import { connectEtcd } from '../lib/dom0/etcd/etcd-witness'
import { systemClock } from '../lib/dom0/system/system-clock'
import type { PoolSecret } from '../lib/dom0/socket/tls-psk'
import { connectWitness } from '../lib/dom0/witness/witness-client'
import type { Log } from '../lib/ports/log'
import type { WitnessPort } from '../lib/ports/witness'
import { etcdEndpoints } from '../lib/wire/etcd'
import type { WitnessTls } from '../lib/wire/witness-settings'

export interface WitnessAt {
  /** As a configuration names it. */
  readonly address: string
  /** For etcd over https; the files are read now. */
  readonly tls: WitnessTls | null
  readonly secret: PoolSecret
  /** Who asks: the same after a restart of its process. */
  readonly client: string
  readonly log: Log
}

/** The keeper of the claims at `address`: a witness of ours, or etcd. Throws when a file of TLS cannot be read. */
export function connectWitnessOf({ address, tls, secret, client, log }: WitnessAt): WitnessPort {
  const endpoints = etcdEndpoints(address)
  if (endpoints === null) return connectWitness({ address, ...secret, client, log })
  const shown = tls === null ? null : { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) }
  return connectEtcd({ endpoints, tls: shown, pool: secret.pool, client, clock: systemClock, log, brokenRule, brokenCarry })
}

const read = (path: string): string => readFileSync(path, 'utf8')
