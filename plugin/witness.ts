import { join } from 'node:path'
import { Command } from 'commander'
import { PORTS } from '../lib/core/domain/layout'
import { WitnessDaemon } from '../lib/daemon/witness-daemon'
import { ClaimLogUnusable, openClaimLog } from '../lib/dom0/witness/claim-log'
import { listenForClaims } from '../lib/dom0/witness/claim-server'
import { besideTheClaims, EnrolmentDesk } from '../lib/dom0/witness/enrolment-desk'
import { hostAndPort } from '../lib/dom0/socket/host-and-port'
import { makeFolder } from '../lib/dom0/system/make-folder'
import { PoolKeys } from '../lib/dom0/witness/pool-keys'
import { processLog } from '../lib/dom0/process/process-log'
import { systemClock } from '../lib/dom0/system/system-clock'
import { codeOf, textOf } from '../lib/dom0/system/system-error'
import { isInvitationIdentity } from '../lib/wire/enrolment'
import { endWith, exitFor, WITNESS_EXITS } from './witness/exits'
import { invite, registerInvite } from './witness/invite'
import { registerMoves } from './witness/moves'
import { giveBackNowAndAgain, staySmall } from './witness/small'

interface WitnessArguments {
  readonly listen: string
  readonly name?: string
  readonly data: string
  readonly key: readonly string[]
  readonly keys?: string
}

/** Adds `witness` to the `holdfast` command. */
export function registerWitness(program: Command): void {
  describe(program.command('witness'))
}

/** The executable that is nothing but a witness. */
export const witnessProgram = (): Command => describe(new Command('holdfast-witness').exitOverride())

function describe(command: Command): Command {
  registerMoves(command)
  registerInvite(command)
  return command
    .description('keep the claims of one or more pools: the third vote, to be run on none of the hosts it serves')
    .option('--listen <host:port>', 'address to listen on', `0.0.0.0:${PORTS.witness}`)
    .option(
      '--name <host>',
      "what hosts call this machine, for invitations (default: --listen's host, or the machine's own name)",
    )
    .requiredOption('--data <dir>', 'directory for the claims; it must survive a power cut')
    .option('--key <file>', 'key of a pool; may be given several times, then each is <pool uuid>.key', collect, [])
    .option('--keys <dir>', 'directory of <pool uuid>.key files, also of pools that an invitation lets in (default: DIR/keys)')
    .action(async (given: WitnessArguments) => {
      await runWitness(given)
    })
}

const collect = (file: string, files: readonly string[]): readonly string[] => [...files, file]

async function runWitness(given: WitnessArguments): Promise<void> {
  staySmall()
  const log = processLog('witness')
  try {
    const broken = (error: unknown): never => endWith(log, WITNESS_EXITS.logBroke, `the claim log broke: ${textOf(error)}`)
    await serve(given, log, broken)
  } catch (error) {
    const code = exitFor(error)
    if (code !== null) endWith(log, code, textOf(error))
    if (codeOf(error) !== '') endWith(log, WITNESS_EXITS.portTaken, `cannot listen on ${given.listen}: ${textOf(error)}`)
    throw error
  }
}

async function serve(
  given: WitnessArguments,
  log: ReturnType<typeof processLog>,
  broken: (error: unknown) => never,
): Promise<void> {
  const { host, port } = hostAndPort(given.listen)
  const claims = await openClaimLog(given.data, log)
  const keysFolder = given.keys ?? join(given.data, 'keys')
  if (given.keys === undefined) makeKeysFolder(keysFolder)
  const keys = new PoolKeys(given.key, keysFolder)
  const desk = new EnrolmentDesk({ directory: given.data, keysFolder, keys, witness: claims.witness, log })
  const daemon = new WitnessDaemon({ claims, clock: systemClock, log, broken })
  const listener = await listenForClaims({
    ...{ host, port, log, events: besideTheClaims(desk, daemon) },
    keyOf: (identity) => (isInvitationIdentity(identity) ? desk : keys).keyOf(identity),
  })
  if (keys.isEmpty) process.stdout.write(`${await invite(given, listener.port)}\n`)
  log.info('serving', { host, port: listener.port, data: given.data, claims: daemon.claims, witness: claims.witness })
  giveBackNowAndAgain()
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

function makeKeysFolder(folder: string): void {
  try {
    makeFolder(folder)
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw new ClaimLogUnusable('unwritable', `${folder} cannot be made: ${textOf(error)}`)
  }
}
