import { createHash, timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Refusal } from '../../core/domain/errors'
import { holdfastConfig } from '../../wire/config'
import { type SetupOffer, setupParcelOf, type SetupTaken } from '../../wire/setup'
import { fields, jsonObject, Malformed, text } from '../../wire/shape'
import { systemClaimFiles, writeWhole } from '../witness/claim-log-files'
import { makeFolder } from '../system/make-folder'
import { readPoolKey } from '../witness/pool-keys'
import { newParcelBox, openParcel, type ParcelBox, sealParcel } from '../witness/sealed-parcel'
import { codeOf } from '../system/system-error'

export interface SetupPlaces {
  readonly config: string
  readonly poolKey: string
  readonly workers: string
  /** The private half of the last offer. */
  readonly box: string
  /** This host's uuid. */
  readonly host: string
  readonly version: string
}

/** What a host does with its own files while the pool is set up. */
export class SetupDesk {
  constructor(private readonly at: SetupPlaces) {}

  async offer(): Promise<SetupOffer> {
    const box = newParcelBox()
    await written(this.at.box, JSON.stringify(box))
    const key = keyIn(this.at.poolKey)
    return {
      ...{ version: this.at.version, publicKey: box.publicKey },
      keyDigest: key === null ? null : keyDigest(key),
      workers: entriesOf(this.at.workers),
    }
  }

  /** Opens the parcel and puts what is in it in place. Rejects with Refusal, or the system's error. */
  async take(sealed: string): Promise<SetupTaken> {
    const { config, key, renewKey } = this.#opened(sealed)
    const former = keyIn(this.at.poolKey)
    const fresh = Buffer.from(key, 'hex')
    const isSame = former !== null && timingSafeEqual(former, fresh)
    if (former !== null && !isSame && !renewKey) throw new Refusal('HOLDFAST_OTHER_KEY', { host: 'it' })
    if (!isSame) await written(this.at.poolKey, `${key}\n`)
    const isNew = textIn(this.at.config) !== config
    if (isNew) await written(this.at.config, config)
    return { key: isSame ? 'unchanged' : 'written', config: isNew ? 'written' : 'unchanged' }
  }

  /** Each box is opened once. */
  #opened(sealed: string): ReturnType<typeof setupParcelOf> {
    try {
      const box = boxOf(textIn(this.at.box) ?? '{}')
      rmSync(this.at.box, { force: true })
      const parcel = setupParcelOf(openParcel(box, sealed))
      if (!/^[0-9a-f]{64}$/.test(parcel.key)) throw new Malformed('key is not 64 hex digits')
      if (!(this.at.host in holdfastConfig(parcel.config).hosts)) throw new Malformed('config does not name this host')
      return parcel
    } catch (error) {
      if (!(error instanceof Malformed) && codeOf(error) !== 'EBADMSG') throw error
      throw new Refusal('HOLDFAST_BAD_REQUEST', {
        reason: `The parcel cannot be used: ${error instanceof Error ? error.message : ''}.`,
      })
    }
  }
}

/** Tells whether two keys are the same, and nothing else of them. */
export const keyDigest = (key: Buffer): string => createHash('sha256').update('holdfast pool key').update(key).digest('hex')

/** The parcel for a host that made `offer`. */
export const parcelFor = (offer: SetupOffer, parcel: { config: string; key: Buffer; renewKey: boolean }): string =>
  sealParcel(offer.publicKey, JSON.stringify({ ...parcel, key: parcel.key.toString('hex') }))

/** Null: there is none. Throws PoolKeyUnusable. */
export const keyIn = (path: string): Buffer | null => (textIn(path) === null ? null : readPoolKey(path))

/** Null: there is none. */
export function textIn(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function boxOf(json: string): ParcelBox {
  const { publicKey, privateKey } = fields(jsonObject(json), 'box')
  return { publicKey: text(publicKey, 'publicKey'), privateKey: text(privateKey, 'privateKey') }
}

/** Readable by root alone; whole or not there. */
async function written(path: string, content: string): Promise<void> {
  makeFolder(dirname(path))
  await writeWhole(systemClaimFiles, dirname(path), [path, `${path}.new`], Buffer.from(content))
}

function entriesOf(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

export const boxPath = (run: string): string => join(run, 'setup-box.json')
