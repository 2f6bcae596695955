import type { SetupCheck, SetupTaken } from '../../../lib/wire/setup'
import { table } from '../table'
import { paint, type Terminal } from '../terminal'

/** What `holdfast setup --json` prints. */
export interface SetupReport {
  readonly pool: string
  readonly witness: string
  readonly alternateWitness: string | null
  readonly hosts: readonly SetupHost[]
  /** Every host's daemon answers, and reaches every witness. */
  readonly ready: boolean
}

export interface SetupHost extends SetupTaken, SetupCheck {
  readonly uuid: string
  readonly name: string
  readonly management: string
  readonly alinks: readonly string[]
}

export const isReady = ({ daemon, witnesses }: SetupCheck): boolean =>
  daemon !== null && witnesses.length > 0 && witnesses.every(({ trouble }) => trouble === '')

export function setupText(report: SetupReport, terminal: Terminal): string {
  const addresses = [report.witness, ...(report.alternateWitness === null ? [] : [report.alternateWitness])]
  const head = [
    'HOST',
    'MANAGEMENT',
    'A-LINKS',
    'KEY',
    'CONFIG',
    'DAEMON',
    ...['WITNESS', 'ALTERNATE'].slice(0, addresses.length),
  ]
  const bad = (text: string): string => paint(terminal, 'red', text)
  const rows = report.hosts.map(({ name, management, alinks, key, config, daemon, witnesses }) => [
    ...[name, management, alinks.join(' ') || '-', key, config, daemon ?? bad('silent')],
    ...addresses.map((at) =>
      witnesses.find(({ address }) => address === at)?.trouble === '' ? 'reachable' : bad('unreachable'),
    ),
  ])
  const troubles = report.hosts.flatMap(({ name, witnesses }) =>
    witnesses.flatMap(({ address, trouble }) =>
      trouble === '' ? [] : [`${name} does not reach witness ${address}: ${trouble}\n`],
    ),
  )
  const silent = report.hosts
    .filter(({ daemon }) => daemon === null)
    .map(({ name }) => `The daemon of ${name} does not answer: journalctl -u holdfastd\n`)
  const links = report.hosts.some(({ alinks }) => alinks.length === 0)
    ? ['There are no A-links: with management alone a failed switch looks like a dead host.\n']
    : []
  const end = report.ready
    ? 'Ready: holdfast protect VM --level restart\n'
    : 'Not ready. Mend what is said above, then repeat: holdfast setup\n'
  return `${table(head, rows)}\n${[...troubles, ...silent, ...links].join('')}${end}`
}
