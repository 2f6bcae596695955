import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import { PATHS } from '../../lib/core/domain/layout'
import { textIn } from '../../lib/dom0/api/setup-desk'
import { holdfastConfig } from '../../lib/wire/config'
import { configMade } from '../../lib/wire/config-made'
import { surveyPool } from '../../lib/xapi/pool-survey'
import { asRoot } from '../../lib/xapi/root-session'
import { keyFor, type KeyWishes, needInvitations, understood } from './setup/checks'
import { needWitnesses, refuseLostClaims } from './setup/claims-kept'
import { delivered } from './setup/delivery'
import { SetupHosts } from './setup/hosts'
import { filledIn } from './setup/input'
import { type SetupReport, setupText } from './setup/report'
import { enrolAt, namedWitness } from './setup/witnesses'
import { type CommandWorld, EndStatus, json } from './terminal'

interface SetupOptions extends KeyWishes {
  readonly witness?: string
  readonly alternate?: string
  readonly tls?: string
  readonly alink?: readonly string[]
  readonly json?: true
}

export function registerSetup(program: Command, { terminal }: CommandWorld): void {
  program
    .command('setup')
    .description('sets the pool up, or a host that joined it: key and configuration to every host, key to the witnesses')
    .option(
      '--witness <invitation>',
      'what the witness printed; - for a line of standard input, which no other user sees; HOST:PORT of one that has the key; etcd+https://...',
    )
    .option('--alternate <invitation>', 'the same of a second witness')
    .option(
      '--alink <network>',
      'name of the network of an A-link; several times, in order; default: all but the management network on which every host has an address',
      collect,
    )
    .option('--tls <folder>', 'for etcd: where every host has ca.pem, host.pem and host.key')
    .option('--pool-key <file>', 'a key that was made by hand, and that the witness has')
    .option('--renew-key', 'replace the key that hosts or witnesses have; no VM may run on Holdfast meanwhile')
    .option('--json', 'the result as JSON')
    .action(async (options: SetupOptions) => {
      const report = await setUp(options, (text) => terminal.err(`${text}\n`))
      terminal.out(options.json ? json(report) : setupText(report, terminal))
      if (!report.ready) throw new EndStatus(1)
    })
}

const collect = (name: string, names: readonly string[] = []): readonly string[] => [...names, name]

async function setUp(options: SetupOptions, tell: (doing: string) => void): Promise<SetupReport> {
  const [first, second] = await filledIn([options.witness, options.alternate], process.stdin)
  const [witness, alternate] = [namedWitness(first, '--witness'), namedWitness(second, '--alternate')]
  return asRoot({ socketPath: PATHS.xapiSocket }, async (session) => {
    const survey = await surveyPool(session)
    if (survey.haEnabled) throw new Refusal('HOLDFAST_XAPI_HA_ENABLED', {})
    const wishes = {
      ...{ witness: witness?.address ?? null, alternate: alternate?.address ?? null },
      ...{ tlsFolder: options.tls ?? null, alinks: options.alink ?? null },
    }
    const config = understood(() => configMade(survey, wishes, textIn(PATHS.config)))
    const hosts = new SetupHosts(session, survey)
    const offers = await hosts.offers()
    const former = textIn(PATHS.config)
    await refuseLostClaims({ former, config, offers, hosts })
    if (options.renewKey) needInvitations(config, [witness, alternate])
    const key = keyFor(options, offers, survey, [witness, alternate])
    const stranger = hosts.stranger(offers, key)
    if (stranger !== null && !options.renewKey) throw new Refusal('HOLDFAST_OTHER_KEY', { host: stranger })
    await enrolAt([witness, alternate], survey.pool, key, options.renewKey ?? false)
    if ([...offers.values()].some(({ workers }) => workers > 0)) await needWitnesses(holdfastConfig(config), key)
    return delivered({ hosts, offers, survey, config, key, renewKey: options.renewKey ?? false, tell })
  })
}
