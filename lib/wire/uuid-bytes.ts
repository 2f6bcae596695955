import { isUuid } from '../core/domain/ids'

export function uuidBytes(uuid: string): Buffer {
  if (!isUuid(uuid)) throw new TypeError(`not a uuid: ${JSON.stringify(uuid.slice(0, 80))}`)
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

/** Of 16 bytes. */
export const uuidText = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
