import { createHash } from 'node:crypto'
import type { ClaimRecord } from '../../core/domain/claim-record'
import { claimRecordOf } from '../../wire/claim-json'
import { fields, jsonObject, list, Malformed, text, wholeNumber } from '../../wire/shape'

/**
 * The log is text, one line per write: 16 hex digits, a space, JSON, newline. The digits are a checksum of the JSON and of the
 * line before, so a line that is damaged, missing or moved is noticed. The first line is the head, every other one a batch
 * that was made durable as a whole:
 *
 *     4f1c… {"head":{"format":1,"witness":"…","revision":17}}
 *     90ab… {"batch":[{"kind":"stored",…},{"kind":"removed",…}]}
 */
export interface LogHead {
  readonly witness: string
  readonly revision: number
}

export interface LogContent {
  readonly head: LogHead
  /** By pool and VM. */
  readonly live: Map<string, ClaimRecord>
  readonly revision: number
  /** Bytes that are whole; what lies behind was being written when the writer died, and was never answered. */
  readonly wholeBytes: number
  /** Where the last whole line begins. */
  readonly lastLineAt: number
  readonly checksum: string
}

export const nameOf = (record: ClaimRecord): string => `${record.pool}/${record.kind === 'stored' ? record.claim.vm : record.vm}`

export function enter(live: Map<string, ClaimRecord>, record: ClaimRecord): void {
  if (record.kind === 'stored') live.set(nameOf(record), record)
  else live.delete(nameOf(record))
}

const CHECKSUM_DIGITS = 16
const checksumOf = (before: string, json: string): string =>
  createHash('sha256').update(before).update(json).digest('hex').slice(0, CHECKSUM_DIGITS)

export interface LogLine {
  readonly text: string
  /** What the next line must be told. */
  readonly checksum: string
}

const line = (before: string, body: object): LogLine => {
  const json = JSON.stringify(body)
  const checksum = checksumOf(before, json)
  return { text: `${checksum} ${json}\n`, checksum }
}

export const headLine = ({ witness, revision }: LogHead): LogLine => line('', { head: { format: 1, witness, revision } })
export const batchLine = (before: string, batch: readonly ClaimRecord[]): LogLine => line(before, { batch })

/** A log of nothing but what is stored now. */
export function snapshotOf(head: LogHead, records: Iterable<ClaimRecord>): LogLine {
  const first = headLine(head)
  const texts = [first.text]
  let { checksum } = first
  for (const record of records) {
    const next = batchLine(checksum, [record])
    texts.push(next.text)
    checksum = next.checksum
  }
  return { text: texts.join(''), checksum }
}

const endText = (before: string, claims: number): string => line(before, { end: { claims } }).text

/** A snapshot with a last line that tells that nothing is missing: it will be copied by people. */
export function handOverText(head: LogHead, records: readonly ClaimRecord[]): string {
  const { text, checksum } = snapshotOf(head, records)
  return text + endText(checksum, records.length)
}

/** The log in what handOverText wrote; `wholeBytes` of it. Throws Malformed. */
export function handOverOf(bytes: Buffer): LogContent {
  const endAt = bytes.lastIndexOf(10, bytes.length - 2) + 1
  const content = readLog(bytes.subarray(0, endAt))
  if (bytes.toString('utf8', endAt) !== endText(content.checksum, content.live.size)) throw new Malformed('its end is missing')
  return content
}

/** Reads a whole log. Throws Malformed, with the number of the line, when something other than an unfinished end is wrong. */
export function readLog(bytes: Buffer): LogContent {
  const firstEnd = bytes.indexOf(10)
  const first = firstEnd < 0 ? null : checked('', bytes.toString('utf8', 0, firstEnd))
  if (first === null) throw new Malformed('line 1: the head is damaged')
  const head = headOf(first.json)
  const live = new Map<string, ClaimRecord>()
  let { checksum } = first
  let revision = head.revision
  let lastLineAt = 0
  let from = firstEnd + 1
  for (let number = 2; from < bytes.length; number += 1) {
    const end = bytes.indexOf(10, from)
    const next = end < 0 ? null : checked(checksum, bytes.toString('utf8', from, end))
    if (next === null) {
      // A batch is written only after the one before it was durable: only the last line may be unfinished.
      if (end >= 0 && end + 1 < bytes.length)
        throw new Malformed(`line ${number} is damaged, and ${bytes.length - end} bytes follow it`)
      if (bytes.includes('{"batch":', from + CHECKSUM_DIGITS + 2)) throw new Malformed(`the end of line ${number} is damaged`)
      break
    }
    for (const record of batchOf(next.json, number)) {
      enter(live, record)
      revision = Math.max(revision, record.revision)
    }
    checksum = next.checksum
    lastLineAt = from
    from = end + 1
  }
  return { head, live, revision, wholeBytes: from, lastLineAt, checksum }
}

function checked(before: string, text: string): { json: string; checksum: string } | null {
  const json = text.slice(CHECKSUM_DIGITS + 1)
  const checksum = checksumOf(before, json)
  return text.startsWith(`${checksum} `) ? { json, checksum } : null
}

function headOf(json: string): LogHead {
  const head = fields(jsonObject(json)['head'], 'head')
  const format = wholeNumber(head['format'], 'head.format')
  if (format !== 1) throw new Malformed(`the log has format ${format}; this version of Holdfast reads format 1`)
  return { witness: text(head['witness'], 'head.witness'), revision: wholeNumber(head['revision'], 'head.revision') }
}

function batchOf(json: string, number: number): ClaimRecord[] {
  try {
    return list(jsonObject(json)['batch'], 'batch', Infinity).map(claimRecordOf)
  } catch (error) {
    if (error instanceof Malformed) throw new Malformed(`line ${number}: ${error.message}`)
    throw error
  }
}
