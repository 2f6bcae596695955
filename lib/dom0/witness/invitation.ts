import { hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invitationIdentity } from '../../wire/enrolment'
import { jsonObject, Malformed, oneOf, text, wholeNumber } from '../../wire/shape'
import { bootClock } from '../system/boot-clock'
import { systemClaimFiles, writeWhole } from './claim-log-files'
import { codeOf } from '../system/system-error'
import type { PoolSecret } from '../socket/tls-psk'

/** Long enough to walk to another machine. */
export const INVITATION_MINUTES = 10
const SECRET_BYTES = 16

const FILE = 'invitation.json'
const STATES = ['open', 'used', 'withdrawn'] as const

/** DIR/invitation.json: what a secret proves, not the secret itself. One at a time: a new one replaces the last. */
export interface InvitationRecord {
  readonly identity: string
  readonly key: Buffer
  /** It ends with the machine's uptime, which no setting of a clock moves; null: it has ended. */
  readonly leftMs: number | null
  readonly state: (typeof STATES)[number]
}

/** What both sides make of the secret: who asks, and the key that proves it. The name tells nothing of the key. */
export function provedBy(secret: string): PoolSecret {
  const derived = (what: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'hex'), Buffer.alloc(0), `holdfast invitation ${what}`, bytes))
  return { pool: invitationIdentity(derived('name', 8).toString('hex')), key: derived('key', 32) }
}

/** Answers the secret, which is kept nowhere. Rejects with the system's error. */
export async function makeInvitation(directory: string): Promise<string> {
  const secret = randomBytes(SECRET_BYTES).toString('hex')
  const { pool: identity, key } = provedBy(secret)
  const untilMs = Math.round(bootClock.nowMs()) + INVITATION_MINUTES * 60_000
  await write(directory, { identity, key: key.toString('hex'), boot: thisBoot(), untilMs, state: 'open' })
  return secret
}

/** Durable when it resolves. */
export async function endInvitation(directory: string, record: InvitationRecord, state: 'used' | 'withdrawn'): Promise<void> {
  await write(directory, { ...record, key: record.key.toString('hex'), boot: thisBoot(), untilMs: 0, leftMs: undefined, state })
}

function write(directory: string, record: object): Promise<void> {
  const path = join(directory, FILE)
  return writeWhole(systemClaimFiles, directory, [path, `${path}.new`], Buffer.from(`${JSON.stringify(record)}\n`))
}

/** Null: nobody was ever invited, or the file is none of ours. */
export function readInvitation(directory: string): InvitationRecord | null {
  try {
    const { identity, key, boot, untilMs, state } = jsonObject(readFileSync(join(directory, FILE), 'utf8'))
    const leftMs = wholeNumber(untilMs, 'untilMs') - bootClock.nowMs()
    return {
      identity: text(identity, 'identity'),
      key: Buffer.from(text(key, 'key'), 'hex'),
      leftMs: boot === thisBoot() && leftMs > 0 ? leftMs : null,
      state: oneOf(STATES, state, 'state'),
    }
  } catch (error) {
    if (error instanceof Malformed || codeOf(error) === 'ENOENT') return null
    throw error
  }
}

const thisBoot = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
