import { Command } from 'commander'
import { PORTS } from '../lib/core/domain/layout'
import { WitnessDaemon } from '../lib/daemon/witness-daemon'
import { ClaimLogUnusable, openClaimLog } from '../lib/dom0/claim-log'
import { listenForClaims } from '../lib/dom0/claim-server'
import { hostAndPort } from '../lib/dom0/host-and-port'
import { PoolKeys, PoolKeyUnusable } from '../lib/dom0/pool-keys'
import { processLog } from '../lib/dom0/process-log'
import { systemClock } from '../lib/dom0/system-clock'
import { codeOf, textOf } from '../lib/dom0/system-error'

/** What the process ends with, after one line that says why. */
export const WITNESS_EXITS = {
  stopped: 0,
  badArguments: 64,
  damagedLog: 65,
  portTaken: 69,
  unusableDirectory: 73,
  logBroke: 74,
} as const

interface WitnessArguments {
  readonly listen: string
  readonly data: string
  readonly key: readonly string[]
  readonly keys?: string
}

/** Adds `witness` to the `holdfast` command. */
export function registerWitness(program: Command): void {
  describe(program.command('witness'))
}

/** The executable that is nothing but a witness. */
export const witnessProgram = (): Command => describe(new Command('holdfast-witness'))

const describe = (command: Command): Command =>
  command
    .description('keep the claims of one or more pools: the third vote, to be run on none of the hosts it serves')
    .option('--listen <host:port>', 'address to listen on', `0.0.0.0:${PORTS.witness}`)
    .requiredOption('--data <dir>', 'directory for the claims; it must survive a power cut')
    .option('--key <file>', 'key of a pool; may be given several times, then each is <pool uuid>.key', collect, [])
    .option('--keys <dir>', 'directory of <pool uuid>.key files')
    .action(async (given: WitnessArguments) => {
      await runWitness(given)
    })

const collect = (file: string, files: readonly string[]): readonly string[] => [...files, file]

async function runWitness(given: WitnessArguments): Promise<void> {
  const log = processLog('witness')
  const fail = (code: number, error: Error): never => {
    log.error(error.message)
    process.exit(code)
  }
  try {
    await serve(given, log, (error) => fail(WITNESS_EXITS.logBroke, new Error(`the claim log broke: ${textOf(error)}`)))
  } catch (error) {
    if (error instanceof PoolKeyUnusable || error instanceof TypeError) fail(WITNESS_EXITS.badArguments, error)
    if (error instanceof ClaimLogUnusable) {
      fail(error.why === 'damaged' ? WITNESS_EXITS.damagedLog : WITNESS_EXITS.unusableDirectory, error)
    }
    if (codeOf(error) !== '') {
      fail(WITNESS_EXITS.portTaken, new Error(`cannot listen on ${given.listen}: ${textOf(error)}`))
    }
    throw error
  }
}

async function serve(
  given: WitnessArguments,
  log: ReturnType<typeof processLog>,
  broken: (error: unknown) => never,
): Promise<void> {
  const { host, port } = hostAndPort(given.listen)
  const keys = new PoolKeys(given.key, given.keys ?? null)
  const claims = await openClaimLog(given.data, log)
  const daemon = new WitnessDaemon({ claims, clock: systemClock, log, broken })
  const listener = await listenForClaims({ host, port, keyOf: (pool) => keys.keyOf(pool), events: daemon, log })
  log.info('serving', { host, port: listener.port, data: given.data, claims: daemon.claims, witness: claims.witness })
  const stop = async (signal: string): Promise<void> => {
    log.info('stopping', { signal })
    await daemon.settled()
    await listener.close()
    await claims.close()
    process.exit(WITNESS_EXITS.stopped)
  }
  process.once('SIGTERM', (signal) => void stop(signal))
  process.once('SIGINT', (signal) => void stop(signal))
}
