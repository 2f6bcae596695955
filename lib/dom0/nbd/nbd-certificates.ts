import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkTls, type NbdTls } from './nbd-tls'

/**
 * A server's certificate, its key, and the authority of its clients, under the names that QEMU and libnbd give them. Throws the
 * system's error when one cannot be read, or when they do not belong together.
 */
export function serverCertificates(folder: string): NbdTls {
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const tls = { cert: text('server-cert.pem'), key: text('server-key.pem'), clientCa: text('ca-cert.pem') }
  checkTls(tls)
  return tls
}
