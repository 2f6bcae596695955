import { CLAIM_LIMITS, CLAIM_RULES, type ClaimAnswer, type ClaimRequest, type ClaimSummary } from '../core/domain/claim-request'
import { hostUuid, vmUuid } from '../core/domain/ids'
import { claimOf, poolOf, runOf, storedClaimOf } from './claim-json'
import { fields, flag, id, jsonObject, list, Malformed, oneOf, text, wholeNumber } from './shape'

/**
 * Host to witness: one JSON object per line, over TLS-PSK whose identity is the pool.
 *
 *     host     {"hello":{"protocol":1,"pool":UUID,"client":NAME}}
 *     witness  {"hello":{"protocol":1,"witness":NAME}}      or {"refuse":{"text":TEXT}} and the end
 *     host     {"id":7,"ask":{"op":"read","vm":UUID}}
 *     witness  {"id":7,"answer":{"op":"read","found":null}}
 *
 * A host asks nothing before the witness's hello. A hello ends every older connection of the same client, so that a change
 * asked on a lost connection has either been made when the first answer comes on the new one, or never will be.
 */
export const CLAIMS_PROTOCOL = 1
export const CLAIMS_LINE_BYTES_MAX = 64 * 1024

export type FromHost =
  | { readonly type: 'hello'; readonly protocol: number; readonly pool: string; readonly client: string }
  | { readonly type: 'ask'; readonly id: number; readonly ask: ClaimRequest }

export type FromWitness =
  | { readonly type: 'hello'; readonly protocol: number; readonly witness: string }
  | { readonly type: 'refuse'; readonly text: string }
  | { readonly type: 'answer'; readonly id: number; readonly answer: ClaimAnswer }

export interface Garbled {
  readonly type: 'garbled'
  readonly text: string
}

/** One line, newline included. */
export function encodeClaimsLine(message: FromHost | FromWitness): string {
  const { type, ...body } = message
  return `${JSON.stringify(type === 'hello' || type === 'refuse' ? { [type]: body } : body)}\n`
}

const orGarbled = <T>(decode: () => T): T | Garbled => {
  try {
    return decode()
  } catch (error) {
    if (error instanceof Malformed) return { type: 'garbled', text: error.message }
    throw error
  }
}

export const decodeFromHost = (line: string): FromHost | Garbled =>
  orGarbled(() => {
    const message = jsonObject(line)
    if (message['hello'] === undefined) {
      return { type: 'ask', id: wholeNumber(message['id'], 'id'), ask: requestOf(message['ask']) }
    }
    const hello = fields(message['hello'], 'hello')
    const protocol = wholeNumber(hello['protocol'], 'hello.protocol')
    return { type: 'hello', protocol, pool: poolOf(hello['pool']), client: text(hello['client'], 'hello.client') }
  })

export const decodeFromWitness = (line: string): FromWitness | Garbled =>
  orGarbled(() => {
    const message = jsonObject(line)
    if (message['refuse'] !== undefined) {
      return { type: 'refuse', text: text(fields(message['refuse'], 'refuse')['text'], 'refuse.text', 1000) }
    }
    if (message['hello'] === undefined) {
      return { type: 'answer', id: wholeNumber(message['id'], 'id'), answer: answerOf(message['answer']) }
    }
    const hello = fields(message['hello'], 'hello')
    const protocol = wholeNumber(hello['protocol'], 'hello.protocol')
    return { type: 'hello', protocol, witness: text(hello['witness'], 'hello.witness') }
  })

function requestOf(value: unknown): ClaimRequest {
  const ask = fields(value, 'ask')
  const op = oneOf(['ping', 'read', 'cas', 'carry', 'renew', 'remove', 'list'], ask['op'], 'ask.op')
  const vm = () => id(vmUuid, ask['vm'], 'ask.vm')
  const expected = () => wholeNumber(ask['expected'], 'ask.expected')
  switch (op) {
    case 'ping':
      return { op }
    case 'read':
      return { op, vm: vm() }
    case 'cas': {
      const requireLeaseOver = flag(ask['requireLeaseOver'], 'ask.requireLeaseOver')
      const run = ask['with'] === undefined ? {} : { with: runOf(ask['with'], 'ask.with') }
      return { op, expected: expected(), next: claimOf(ask['next']), requireLeaseOver, ...run }
    }
    case 'carry':
      return { op, next: claimOf(ask['next']) }
    case 'renew':
      return { op, vm: vm(), term: wholeNumber(ask['term'], 'ask.term'), holder: id(hostUuid, ask['holder'], 'ask.holder') }
    case 'remove':
      return { op, vm: vm(), expected: expected() }
    case 'list':
      return { op, after: ask['after'] === null ? null : id(vmUuid, ask['after'], 'ask.after') }
  }
}

const ANSWERS = ['ping', 'read', 'stored', 'refused', 'carried', 'renewed', 'not-renewed', 'listed', 'invalid'] as const
function answerOf(value: unknown): ClaimAnswer {
  const answer = fields(value, 'answer')
  const op = oneOf(ANSWERS, answer['op'], 'answer.op')
  switch (op) {
    case 'ping':
    case 'renewed':
      return { op }
    case 'read':
    case 'carried':
      return { op, found: storedClaimOf(answer['found']) }
    case 'stored':
      return { op, revision: wholeNumber(answer['revision'], 'answer.revision') }
    case 'refused': {
      const leaseLeftMs = wholeNumber(answer['leaseLeftMs'], 'answer.leaseLeftMs')
      const by = oneOf(['revision', 'lease', 'full'], answer['by'], 'answer.by')
      return { op, by, current: storedClaimOf(answer['current']), leaseLeftMs }
    }
    case 'not-renewed':
      return { op, current: storedClaimOf(answer['current']) }
    case 'listed':
      return {
        op,
        claims: list(answer['claims'], 'answer.claims', CLAIM_LIMITS.listPage).map(summaryOf),
        more: flag(answer['more'], 'answer.more'),
      }
    case 'invalid':
      return { op, rule: oneOf(CLAIM_RULES, answer['rule'], 'answer.rule') }
  }
}

function summaryOf(value: unknown): ClaimSummary {
  const summary = fields(value, 'summary')
  return {
    vm: id(vmUuid, summary['vm'], 'summary.vm'),
    revision: wholeNumber(summary['revision'], 'summary.revision'),
    term: wholeNumber(summary['term'], 'summary.term'),
    holder: id(hostUuid, summary['holder'], 'summary.holder'),
    leaseLeftMs: wholeNumber(summary['leaseLeftMs'], 'summary.leaseLeftMs'),
  }
}
