/** One run of the lab's xe: reads the command line, logs in, does it, logs out. */
import { ApiError } from '../contract'
import type { XeArguments } from './arguments'
import { readArguments } from './arguments'
import { XE_CLASSES } from './classes'
import { XeClient } from './client'
import type { XeCommand } from './commands/command'
import { poolCommands } from './commands/pool'
import { storageCommands } from './commands/storage'
import { vmCommands } from './commands/vm'
import { describeFailure, unknownCommand, XeFailure } from './failure'
import { listObjects } from './listing'
import { PARAMETER_COMMANDS } from './parameters'

export interface XeResult {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

const COMMANDS: Readonly<Record<string, XeCommand>> = { ...poolCommands, ...vmCommands, ...storageCommands }

/** Must work while the coordinator is gone. */
const EMERGENCY: ReadonlySet<string> = new Set([
  'pool-emergency-transition-to-master',
  'pool-emergency-reset-master',
  'host-is-in-emergency-mode',
])

/** Every command name, for help. */
export const xeCommandNames = (): string[] => [
  ...Object.keys(COMMANDS),
  ...Object.keys(XE_CLASSES).flatMap((name) => [
    `${name}-list`,
    ...Object.keys(PARAMETER_COMMANDS).map((verb) => `${name}-${verb}`),
  ]),
]

/** The socket is that of the host's xapi; `-s` names a server instead. Never rejects for what a command or the server refuses. */
export async function runXe(argv: string[], socketPath: string): Promise<XeResult> {
  const args = readArguments(argv)
  const failed = (stderr: string): XeResult => ({ exit: 1, stdout: '', stderr })
  if (args.command === '' || args.flags.has('help'))
    return failed('Usage:\n  xe <command> [name=value ...] [--minimal] [--force]\n')
  if (args.command === 'help') return { exit: 0, stdout: `${xeCommandNames().sort().join('\n')}\n`, stderr: '' }
  const client = new XeClient(serverOf(args, socketPath))
  try {
    const command = commandOf(args.command)
    const [user, password] = [args.server.get('-u') ?? 'root', args.server.get('-pw') ?? '']
    if (EMERGENCY.has(args.command)) await client.loginLocally(user, password)
    else await client.login(user, password)
    const stdout = await run(client, command, args)
    return { exit: 0, stdout, stderr: '' }
  } catch (error) {
    if (error instanceof XeFailure) return failed(error.message)
    if (error instanceof ApiError) return failed(await told(client, error))
    throw error
  }
}

async function run(client: XeClient, command: XeCommand, args: XeArguments): Promise<string> {
  try {
    return await command(client, args)
  } catch (error) {
    // The references in an error are shown by name, which takes the session: it is closed afterwards.
    if (error instanceof ApiError) throw new XeFailure(await told(client, error))
    throw error
  } finally {
    await client.logout().catch(() => undefined)
  }
}

async function told(client: XeClient, error: ApiError): Promise<string> {
  const refs = error.params.filter((param) => param.startsWith('OpaqueRef:'))
  const shown = new Map<string, string>()
  for (const ref of refs) shown.set(ref, await client.show(ref))
  return describeFailure(error, (param) => shown.get(param) ?? param)
}

function commandOf(name: string): XeCommand {
  const own = COMMANDS[name]
  if (own !== undefined) return own
  for (const [prefix, of] of Object.entries(XE_CLASSES)) {
    if (name === `${prefix}-list`) return (client, args) => listObjects(client, of, args)
    const verb = name.startsWith(`${prefix}-`) ? PARAMETER_COMMANDS[name.slice(prefix.length + 1)] : undefined
    if (verb !== undefined) return (client, args) => verb(client, of, args)
  }
  throw unknownCommand(name)
}

function serverOf({ server }: XeArguments, socketPath: string): ConstructorParameters<typeof XeClient>[0] {
  const host = server.get('-s')
  return host === undefined ? { socketPath } : { host, port: Number(server.get('-p') ?? '80') }
}
