import type { Command } from 'commander'
import type { FenceReport } from '../../lib/wire/daemon-api'
import { operator } from './operator'
import { filled } from './table'
import { json, type CommandWorld } from './terminal'

export function registerFence(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('fence')
    .description('what is known of a host that is silent, and whether it is proven to be off')
    .argument('<host>', 'uuid or name')
    .option('--confirm-off', 'you know that it is off, and it stays off until it is seen here again')
    .option('--json', "the daemon's answer as JSON")
    .action(async (host: string, options: { confirmOff?: true; json?: true }) => {
      const report = await ask('fence', options.confirmOff ? { host, confirm: true, who: operator() } : { host })
      if (options.json) terminal.out(json(report))
      else terminal.out(options.confirmOff ? confirmedText(report) : `${knownText(report)}\n${nextText(report)}`)
    })
}

function knownText({ name, state, asked, heardBy, power, hasPower, proof, confirmed }: FenceReport): string {
  const lines = [
    ['host', name],
    ['here', STATES[state]],
    ['others', othersText(asked, heardBy)],
    ['power', hasPower ? POWER[power ?? 'unasked'] : 'no power switch is configured'],
    ['operator', confirmed === null ? 'nobody has confirmed that it is off' : `${confirmed.who} confirmed at ${confirmed.at}`],
    ['proven', proof === null ? 'no' : `off, by ${proof === 'power' ? 'its power switch' : "an operator's word"}`],
  ]
  return lines.map(([word = '', text = '']) => `${word.padEnd(9)} ${text}\n`).join('')
}

const STATES: Readonly<Record<FenceReport['state'], string>> = {
  'this-host': 'it is the host that was asked',
  alive: 'heard',
  suspected: 'silent on every link',
  'never-seen': 'not heard since the daemon of this host started',
}

const POWER = {
  on: 'its switch says that it is on',
  off: 'its switch says that it is off',
  unknown: 'its switch does not answer',
  unasked: 'its switch has not been asked',
} as const

function othersText(asked: readonly string[], heardBy: readonly string[]): string {
  if (heardBy.length > 0) return `heard by ${heardBy.join(', ')}`
  return asked.length === 0 ? 'there is no other host to ask' : `not heard by ${asked.join(', ')}`
}

function nextText({ name, against, why, todo }: FenceReport): string {
  if (against !== null) return filled(`No word of yours is wanted: ${why} ${todo}`, '')
  return `${filled(RISK(name), '')}\n  holdfast fence ${name} --confirm-off\n`
}

const RISK = (name: string): string =>
  `If you know that ${name} is off, say so. What runs on it must not go on: were it on, its VMs could run twice. It must stay off until
  its cables and its daemon are in order; the word is forgotten as soon as it is heard.`

function confirmedText({ name, passedOn }: FenceReport): string {
  const others = passedOn.map(({ host, recorded, why }) =>
    filled(recorded ? `${host} takes the word, too.` : `${host} does not take the word: ${why}`, '  '),
  )
  return `${filled(`${name} is taken for off until it is heard again. Keep it off.`, '')}${others.join('')}`
}
