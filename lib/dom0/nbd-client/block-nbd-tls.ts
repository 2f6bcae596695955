import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { NbdSource, NbdTls } from '../../wire/replica-source'
import { nbdFailure } from './block-nbd-failure'
import { codeOf, textOf } from '../system/system-error'

/**
 * Trust and identity from a folder laid out as QEMU's and libnbd's tools expect it. Rejects with `ETLS` when that cannot be read:
 * a missing certificate must not look like a missing replica.
 */
export async function tlsIdentity(source: NbdSource, tls: NbdTls): Promise<SecureContext> {
  if ('unix' in source.address && tls.hostname === undefined)
    throw nbdFailure('ETLS', source, 'a unix socket has no name to look for in a certificate')
  try {
    const pem = (name: string): Promise<Buffer> => readFile(join(tls.certificates, name))
    const ca = await pem('ca-cert.pem')
    const cert = await ifThere(pem('client-cert.pem'))
    const trust = { ca, minVersion: 'TLSv1.2' as const }
    return createSecureContext(cert === null ? trust : { ...trust, cert, key: await pem('client-key.pem') })
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw nbdFailure('ETLS', source, textOf(error))
  }
}

async function ifThere(file: Promise<Buffer>): Promise<Buffer | null> {
  try {
    return await file
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}
