/** The operator's command: one file per verb in commander/. */
import { Command, CommanderError, Option } from 'commander'
import { Refusal, refusalLines } from '../lib/core/domain/errors'
import { asker, type Ask } from '../lib/dom0/api/daemon-client'
import { registerFence } from './commander/fence'
import { registerMirror } from './commander/mirror'
import { registerMove } from './commander/move'
import { registerPlan } from './commander/plan'
import { registerPromote } from './commander/promote'
import { registerProtect } from './commander/protect'
import { registerSetup } from './commander/setup'
import { registerSplit } from './commander/split'
import { registerStatus } from './commander/status'
import { registerTimeline } from './commander/timeline'
import { registerUnprotect } from './commander/unprotect'
import { registerVerify } from './commander/verify'
import { registerVersion } from './commander/version'
import { PRODUCT_VERSION } from './product-version'
import { EndStatus, type Terminal } from './commander/terminal'

/** protect may have to halt and look at every host; each question to the daemon gets this long. */
const ASK_LIMIT_MS = 60_000

/** The verbs on their own program; others may be registered on it before it is run. */
export function operatorProgram(terminal: Terminal, usualSocket: string): Command {
  const program = new Command('holdfast')
    .description(
      'Availability levels for the VMs of this pool: unprotected, restart, redirect, lockstep; and mirrors of two machines without a pool',
    )
    .version(PRODUCT_VERSION, '--version', 'the version of this command')
    .addOption(new Option('--socket <path>', "the daemon's socket").default(usualSocket))
    .showHelpAfterError('(holdfast --help lists the commands)')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
  const ask: Ask = (fn, body, limitMs) => {
    const { socket } = program.opts<{ socket: string }>()
    return asker(socket, ASK_LIMIT_MS)(fn, body, limitMs)
  }
  const world = { ask, terminal }
  for (const register of [
    registerStatus,
    registerPlan,
    registerProtect,
    registerUnprotect,
    registerVerify,
    registerFence,
    registerPromote,
    registerSplit,
    registerMove,
    registerSetup,
    registerTimeline,
    registerMirror,
    registerVersion,
  ]) {
    register(program, world)
  }
  hintAt(program, 'holdfast')
  return program
}

/** After a wrong word, the help of the command that it was written for. */
function hintAt(command: Command, words: string): void {
  for (const verb of command.commands) {
    verb.showHelpAfterError(`(${words} ${verb.name()} --help tells how it is used)`)
    hintAt(verb, `${words} ${verb.name()}`)
  }
}

/**
 * Runs a program and answers the exit status: 0 done, 1 the daemon does not answer or failed, 2 refused (what, why and what to do
 * are on stderr), 3 replicas differ and were left so, 64 not a command of ours.
 */
export async function runProgram(program: Command, argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
    if (error instanceof EndStatus) return error.status
    if (error instanceof Refusal) {
      terminal.err(refusalText(error))
      return NO_ANSWER.includes(error.code) ? 1 : 2
    }
    terminal.err(`holdfast: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}\n`)
    return 1
  }
}

const USAGE = 64
const NO_ANSWER: readonly string[] = ['HOLDFAST_DAEMON_UNREACHABLE', 'HOLDFAST_TIMED_OUT']

function refusalText({ code, facts }: Refusal): string {
  const [what, why, todo] = refusalLines(code, facts)
  return `${what}\n  why:   ${why}\n  to do: ${todo}\n  code:  ${code}\n`
}
