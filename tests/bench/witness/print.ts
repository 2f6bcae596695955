import { table } from '../../../plugin/commander/table'
import type { Latencies } from './latencies'
import type { Resident } from './memory'
import type { WitnessReport } from './run'

const ms = (value: number): string => value.toFixed(2)
const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** For a terminal. Megabytes of 10^6 bytes. */
export function witnessTables({ options, paced, renewals, changes, memory }: WitnessReport): string {
  const load = ([name, { perSecond, p50Ms, p99Ms, maxMs }]: readonly [string, Latencies]): string[] => [
    ...[name, perSecond.toFixed(0), ms(p50Ms), ms(p99Ms), ms(maxMs)],
  ]
  const loads = [
    [`renewals, each claim every ${options.everyMs} ms`, paced],
    ['renewals, as fast as they are answered', renewals],
    ['changes, durable before they are answered', changes],
  ] as const
  const use = ([name, { resident, anonymous, shared }]: readonly [string, Resident]): string[] => [
    ...[name, mb(resident), mb(anonymous), mb(shared)],
  ]
  const uses = [
    ['just started', memory.started],
    ['connected', memory.connected],
    ['renewing', memory.renewing],
    ['after everything', memory.ended],
  ] as const
  return [
    `${options.claims} claims over ${options.clients} connections; the witness took ${(paced.cores * 100).toFixed(0)} % of a core for the first row\n`,
    table(['load', 'per s', 'p50 ms', 'p99 ms', 'max ms'], loads.map(load)),
    table(['memory', 'RSS MB', 'anonymous', 'file cache'], uses.map(use)),
  ].join('\n')
}
