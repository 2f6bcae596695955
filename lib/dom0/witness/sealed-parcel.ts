import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { failure } from '../system/system-error'

/**
 * What travels through XAPI is seen by others: a plug-in's arguments stand in the list of processes. So it is sealed for the one host
 * that is to open it: X25519 with a key of the sender's for this parcel alone, HKDF-SHA256, AES-256-GCM. Who the receiver is, XAPI
 * says, whose answer the public key is.
 */
export interface ParcelBox {
  /** Base64, raw. */
  readonly publicKey: string
  /** Base64, PKCS #8. */
  readonly privateKey: string
}

export function newParcelBox(): ParcelBox {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  return { publicKey: rawOf(publicKey).toString('base64'), privateKey: privateKey.export(PRIVATE).toString('base64') }
}

const PRIVATE = { type: 'pkcs8', format: 'der' } as const
const PUBLIC = { type: 'spki', format: 'der' } as const
/** What DER writes before the 32 bytes of an X25519 key. */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')
const [PUBLIC_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 12, 16]

const rawOf = (key: KeyObject): Buffer => key.export(PUBLIC).subarray(SPKI_PREFIX.length)

function publicKeyOf(raw: Buffer): KeyObject {
  if (raw.length !== PUBLIC_BYTES) throw unreadable()
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), ...PUBLIC })
}

/** Base64. Throws EBADMSG when `publicKey` is none. */
export function sealParcel(publicKey: string, text: string): string {
  const own = generateKeyPairSync('x25519')
  const [theirs, mine] = [Buffer.from(publicKey, 'base64'), rawOf(own.publicKey)]
  const secret = diffieHellman({ privateKey: own.privateKey, publicKey: publicKeyOf(theirs) })
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, mine, theirs), nonce)
  return Buffer.concat([mine, nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** Throws EBADMSG for what was not sealed for this box, whole. */
export function openParcel({ publicKey, privateKey }: ParcelBox, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < PUBLIC_BYTES + NONCE_BYTES + TAG_BYTES) throw unreadable()
  const theirs = bytes.subarray(0, PUBLIC_BYTES)
  const nonce = bytes.subarray(PUBLIC_BYTES, PUBLIC_BYTES + NONCE_BYTES)
  const own = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), ...PRIVATE })
  const secret = diffieHellman({ privateKey: own, publicKey: publicKeyOf(theirs) })
  const opener = createDecipheriv('aes-256-gcm', keyOf(secret, theirs, Buffer.from(publicKey, 'base64')), nonce)
  opener.setAuthTag(bytes.subarray(-TAG_BYTES))
  const text = opener.update(bytes.subarray(PUBLIC_BYTES + NONCE_BYTES, -TAG_BYTES))
  try {
    return Buffer.concat([text, opener.final()]).toString()
  } catch {
    // The one thing that `final` says: the tag is of something else.
    throw unreadable()
  }
}

const keyOf = (secret: Buffer, from: Buffer, to: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, Buffer.concat([from, to]), 'holdfast setup parcel', 32))

const unreadable = (): Error => failure('EBADMSG', 'it was sealed for another host, or changed on its way')
