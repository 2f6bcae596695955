import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { ClaimLogUnusable } from '../../lib/dom0/witness/claim-log'
import { LOG_FILE } from '../../lib/dom0/witness/claim-log-file'
import { hostAndPort } from '../../lib/dom0/socket/host-and-port'
import { INVITATION_MINUTES, makeInvitation } from '../../lib/dom0/witness/invitation'
import { invitationText } from '../../lib/wire/enrolment'
import { told } from './exits'

interface Where {
  readonly data: string
  readonly listen: string
  readonly name?: string
}

/** Adds `invite`, which takes --data, --listen and --name from the command it belongs to. */
export function registerInvite(witness: Command): void {
  witness
    .command('invite')
    .description(
      `let one pool leave its key with the witness of --data, within ${INVITATION_MINUTES} minutes; it may run meanwhile`,
    )
    .action((_: unknown, command: Command) => told(() => invite(command.optsWithGlobals<Where>())))
}

/** The text for the operator, once: the secret in it is kept nowhere. */
export async function invite({ data, listen, name }: Where, port = hostAndPort(listen).port): Promise<string> {
  if (!existsSync(join(data, LOG_FILE)))
    throw new ClaimLogUnusable('unwritable', `${data} holds no witness; start one there first`)
  const { host } = hostAndPort(listen)
  const isEverywhere = ['0.0.0.0', '::'].includes(host)
  const known = name ?? (isEverywhere ? hostname() : host)
  const address = known.includes(':') ? `[${known}]:${port}` : `${known}:${port}`
  const secret = await makeInvitation(data)
  return [
    `On a host of the pool, within ${INVITATION_MINUTES} minutes and once:`,
    '    holdfast setup --witness -',
    'and give it this line:',
    `    ${invitationText({ address, secret })}`,
    `If hosts know this machine by another name than ${known}, put that name into it.`,
  ].join('\n')
}
