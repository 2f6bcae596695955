import { join } from 'node:path'
import { fields, jsonObject, Malformed, text } from '../../wire/shape'
import { type ClaimFiles, systemClaimFiles, writeWhole } from './claim-log-files'

/** Why a directory never serves again: its claims were handed over. */
export interface Seal {
  readonly witness: string
  /** ISO 8601, for people. */
  readonly at: string
  readonly file: string
}

const SEAL = 'handed-over.json'
const SEAL_FRESH = 'handed-over.json.new'

/** Null: there is none. One that cannot be read is a seal, too. */
export async function sealOf(directory: string, files: ClaimFiles = systemClaimFiles): Promise<Seal | null> {
  const bytes = await files.read(join(directory, SEAL))
  if (bytes === null) return null
  try {
    const seal = fields(jsonObject(bytes.toString())['handedOver'], 'handedOver')
    return { witness: text(seal['witness'], 'witness'), at: text(seal['at'], 'at'), file: text(seal['file'], 'file', 4096) }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { witness: 'unknown', at: 'an unknown day', file: 'an unknown file' }
  }
}

/** On stable storage when it resolves. */
export async function seal(directory: string, made: Seal, files: ClaimFiles = systemClaimFiles): Promise<void> {
  const names = [join(directory, SEAL), join(directory, SEAL_FRESH)] as const
  await writeWhole(files, directory, names, Buffer.from(`${JSON.stringify({ handedOver: made })}\n`))
}
