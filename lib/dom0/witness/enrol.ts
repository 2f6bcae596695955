import { Refusal } from '../../core/domain/errors'
import {
  decodeEnrolAnswer,
  encodeEnrolAsk,
  type EnrolAsk,
  type EnrolRefusal,
  ENROL_LINE_BYTES_MAX,
  type Invitation,
} from '../../wire/enrolment'
import { LineSplitter } from '../../wire/lines'
import { Malformed } from '../../wire/shape'
import { hostAndPort } from '../socket/host-and-port'
import { provedBy } from './invitation'
import { codeOf, failure, textOf } from '../system/system-error'
import { connectTlsPsk } from '../socket/tls-psk'

const LIMIT_MS = 10_000

const INVITE_AGAIN = 'Ask for another on its machine: holdfast witness invite --data DIR'
const NOT_TAKEN: Readonly<Record<EnrolRefusal, { readonly reason: string; readonly todo: string }>> = {
  used: { reason: 'It was used already, and is good for one pool once.', todo: INVITE_AGAIN },
  expired: { reason: 'It is over: it holds for ten minutes, and not beyond a restart of that machine.', todo: INVITE_AGAIN },
  'other-key': {
    reason: 'The witness has another key of this pool.',
    todo: "Run this on a host that has the pool's key; or, if no host has it any more, add --renew-key.",
  },
  'not-understood': { reason: 'The witness does not understand the request.', todo: 'Install the same release there and here.' },
  'not-written': { reason: "The witness could not write the pool's key.", todo: `Look at its log, then: ${INVITE_AGAIN}` },
}
const STRANGE = {
  reason: 'The witness does not know it: it was mistyped, or replaced by a newer one, or another witness answers there.',
  todo: INVITE_AGAIN,
}

/**
 * Leaves the pool's key with the witness that gave the invitation; answers the witness's name. Rejects with Refusal
 * HOLDFAST_INVITATION_REFUSED or HOLDFAST_WITNESS_UNREACHABLE.
 */
export async function enrol(invitation: Invitation, ask: EnrolAsk): Promise<string> {
  const { address } = invitation
  const refused = (why: { reason: string; todo: string }): Refusal =>
    new Refusal('HOLDFAST_INVITATION_REFUSED', { address, ...why })
  let line: string
  try {
    line = await exchanged(invitation, encodeEnrolAsk(ask))
  } catch (error) {
    const code = codeOf(error)
    if (code === '') throw error
    if (code.startsWith('ERR_SSL')) throw refused(STRANGE)
    throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', { reason: `${textOf(error)}.`, address })
  }
  const answer = answerIn(line)
  if ('enrolled' in answer) return answer.enrolled
  throw refused(NOT_TAKEN[answer.refused])
}

function answerIn(line: string): ReturnType<typeof decodeEnrolAnswer> {
  try {
    return decodeEnrolAnswer(line)
  } catch (error) {
    if (error instanceof Malformed) return { refused: 'not-understood' }
    throw error
  }
}

/** The first line that comes back. Rejects with a system's or TLS's error. */
function exchanged({ address, secret }: Invitation, ask: string): Promise<string> {
  const { host, port } = hostAndPort(address)
  const socket = connectTlsPsk(host, port, provedBy(secret))
  const lines = new LineSplitter(ENROL_LINE_BYTES_MAX)
  return new Promise<string>((resolve, reject) => {
    socket.setTimeout(LIMIT_MS, () => socket.destroy(failure('ETIMEDOUT', `no answer within ${LIMIT_MS / 1000} s`)))
    socket.once('secureConnect', () => socket.write(ask))
    socket.once('error', reject)
    socket.once('close', () => reject(failure('ECONNRESET', 'the connection ended without an answer')))
    socket.on('data', (chunk: Buffer) => {
      const whole = lines.push(chunk)
      if (whole === 'too-long') socket.destroy(failure('EMSGSIZE', 'what answers there is no witness'))
      else if (whole[0] !== undefined) resolve(whole[0])
    })
  }).finally(() => socket.destroy())
}
