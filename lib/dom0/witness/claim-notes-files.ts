import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { DeciderNote } from '../../core/domain/decider-note'
import { vmUuid } from '../../core/domain/ids'
import type { ClaimNotes } from '../../ports/claim-notes'
import { deciderNoteOf } from '../../wire/decider-note-json'
import { fields, jsonObject, Malformed, wholeNumber } from '../../wire/shape'
import { makeFolder } from '../system/make-folder'
import { type Files, systemFiles } from '../replica/replica-files'
import { codeOf } from '../system/system-error'

interface Copy {
  /** Grows by one with each save. */
  readonly seq: number
  readonly note: DeciderNote
}

/** 64 hosts and 255 disks fit several times. */
const BYTES_MAX = 256 * 1024
const FORMAT = 1
const COPIES = 2

const pathsIn = (folder: string, vm: string): [string, string] => {
  const name = vmUuid(vm)
  return [join(folder, `${name}.json`), join(folder, `${name}.2.json`)]
}

/**
 * `<vm>.json` and `<vm>.2.json` in a folder: one line each, the SHA-256 of what follows it, a space, JSON. Each save replaces one after
 * the other, so one is whole at any moment; what a read finds is in both before it is answered.
 */
export function claimNotesIn(folder: string, files: Files = systemFiles): ClaimNotes {
  const pathsOf = (vm: string): [string, string] => pathsIn(folder, vm)
  const replaceAll = async (vm: string, copy: Copy): Promise<void> => {
    makeFolder(folder)
    for (const path of pathsOf(vm)) await replace(files, path, encode(vm, copy))
  }
  const newest = async (vm: string): Promise<Copy | null | 'damaged'> => {
    const { first, whole } = await loadAll(files, pathsOf(vm), vm)
    if (first === null || first === 'damaged') return first
    if (whole.length < COPIES || whole.some(({ seq }) => seq !== first.seq)) await replaceAll(vm, first)
    return first
  }
  return {
    read: async (vm) => {
      const copy = await newest(vm)
      return copy === null || copy === 'damaged' ? copy : copy.note
    },
    save: async (vm, note) => {
      const before = await newest(vm)
      await replaceAll(vm, { seq: before === null || before === 'damaged' ? 1 : before.seq + 1, note })
    },
    forget: async (vm) => {
      makeFolder(folder)
      const [first, second] = pathsOf(vm)
      for (const path of [first, second]) await files.remove(path)
      await files.syncFolderOf(first)
    },
  }
}

/** As another process of this host keeps it: nothing is mended. Null also where nobody can tell what it says. */
export async function claimNoteIn(folder: string, vm: string): Promise<DeciderNote | null> {
  const { first } = await loadAll(systemFiles, pathsIn(folder, vm), vm)
  return first === null || first === 'damaged' ? null : first.note
}

async function loadAll(
  files: Files,
  paths: readonly string[],
  vm: string,
): Promise<{ first: Copy | null | 'damaged'; whole: readonly Copy[] }> {
  const found = await Promise.all(paths.map((path) => load(files, path, vm)))
  const whole = found.flatMap((copy) => (copy === null || copy === 'damaged' ? [] : [copy]))
  const [first] = whole.sort((a, b) => b.seq - a.seq)
  return { first: first ?? (found.every((copy) => copy === null) ? null : 'damaged'), whole }
}

async function replace(files: Files, path: string, bytes: Buffer): Promise<void> {
  const fresh = await files.make(`${path}.new`)
  try {
    await fresh.write(0, bytes)
    await fresh.sync()
  } finally {
    await fresh.close()
  }
  await files.rename(`${path}.new`, path)
  await files.syncFolderOf(path)
}

async function load(files: Files, path: string, vm: string): Promise<Copy | null | 'damaged'> {
  const file = await files.openIfThere(path)
  if (file === null) return null
  try {
    return decode(vm, await file.read(0, BYTES_MAX))
  } catch (error) {
    if (error instanceof Malformed || codeOf(error) === 'EIO') return 'damaged'
    throw error
  } finally {
    await file.close()
  }
}

function encode(vm: string, { seq, note }: Copy): Buffer {
  const text = JSON.stringify({ format: FORMAT, vm, seq, note })
  return Buffer.from(`${sumOf(text)} ${text}\n`)
}

function decode(vm: string, bytes: Buffer): Copy {
  const [, sum, text] = /^([0-9a-f]{64}) (.*)\n$/s.exec(bytes.toString()) ?? []
  if (text === undefined || sum !== sumOf(text)) throw new Malformed('the checksum is another one')
  const copy = jsonObject(text)
  if (copy['format'] !== FORMAT || copy['vm'] !== vm) throw new Malformed('it is a note of something else')
  return { seq: wholeNumber(copy['seq'], 'seq'), note: deciderNoteOf(fields(copy['note'], 'note')) }
}

const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex')
