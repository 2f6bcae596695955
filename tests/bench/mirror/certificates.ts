import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from '../child'

const SIDES = { server: 'serverAuth', client: 'clientAuth' } as const

/**
 * An authority and a certificate for either side, for localhost and for a day, under the names that the storage daemon looks for
 * in a folder. Curve P-256, whose handshake costs least; it plays no part once a link stands.
 */
export async function makeCertificates(folder: string): Promise<void> {
  const at = (name: string): string => join(folder, name)
  const newKey = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '1']
  await runToEnd('openssl', [
    ...[...newKey, '-keyout', at('ca-key.pem'), '-out', at('ca-cert.pem'), '-subj', '/CN=bench authority'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ])
  for (const [side, usage] of Object.entries(SIDES)) {
    const extensions = at(`${side}.ext`)
    writeFileSync(
      extensions,
      `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${usage}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n`,
    )
    const request = at(`${side}.csr`)
    await runToEnd('openssl', [
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'],
      ...['-keyout', at(`${side}-key.pem`), '-out', request, '-subj', '/CN=localhost'],
    ])
    await runToEnd('openssl', [
      ...['x509', '-req', '-in', request, '-CA', at('ca-cert.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial'],
      ...['-days', '1', '-extfile', extensions, '-out', at(`${side}-cert.pem`)],
    ])
  }
}
