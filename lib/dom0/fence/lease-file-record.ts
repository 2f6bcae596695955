import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { assert } from '../../core/domain/assert'
import { codeOf } from '../system/system-error'

/**
 * A file of one record that is written over in place, hundreds of times a minute: 16 hex digits, a space, JSON, blanks, newline.
 * The digits are a checksum of the JSON; who reads while it is written sees that by them.
 */
export const RECORD_BYTES = 1024
const CHECKSUM_DIGITS = 16
/** A write of a quarter of a page is over in a moment; a writer that was killed in it leaves it torn. */
const READS_MAX = 3

const checksumOf = (json: string): string => createHash('sha256').update(json).digest('hex').slice(0, CHECKSUM_DIGITS)

export function recordBytes(json: string): Buffer {
  const text = `${checksumOf(json)} ${json}`
  const bytes = Buffer.alloc(RECORD_BYTES, ' ')
  assert(bytes.write(text) === Buffer.byteLength(text) && text.length < RECORD_BYTES, 'a record has its size')
  bytes.write('\n', RECORD_BYTES - 1)
  return bytes
}

/** Null when it is damaged. */
export function recordJson(bytes: Buffer): string | null {
  const text = bytes.toString('utf8').trimEnd()
  const json = text.slice(CHECKSUM_DIGITS + 1)
  return bytes.length === RECORD_BYTES && text.startsWith(`${checksumOf(json)} `) ? json : null
}

/** Throws the system's error when the file cannot be read; a file of another length is damaged. */
export function readRecord(path: string): { readonly json: string } | 'absent' | 'damaged' {
  const bytes = Buffer.alloc(RECORD_BYTES + 1)
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    const length = readOnce(path, bytes)
    if (length === null) return 'absent'
    const json = recordJson(bytes.subarray(0, length))
    if (json !== null) return { json }
  }
  return 'damaged'
}

function readOnce(path: string, bytes: Buffer): number | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  try {
    return readSync(file, bytes, 0, bytes.length, 0)
  } finally {
    closeSync(file)
  }
}

/** The writer's side. The file appears with its first record in it, and is made anew if somebody removed it. */
export class RecordFile {
  #file: number | null = null

  constructor(private readonly path: string) {}

  /** Throws the system's error. */
  write(json: string): void {
    const bytes = recordBytes(json)
    if (this.#file !== null && fstatSync(this.#file).nlink > 0) {
      writeSync(this.#file, bytes, 0, bytes.length, 0)
      return
    }
    this.#close()
    const fresh = `${this.path}.new`
    const file = openSync(fresh, 'w', 0o600)
    this.#file = file
    try {
      writeSync(file, bytes, 0, bytes.length, 0)
      renameSync(fresh, this.path)
    } catch (error) {
      this.#close()
      throw error
    }
  }

  remove(): void {
    this.#close()
    try {
      unlinkSync(this.path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }

  #close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }
}
