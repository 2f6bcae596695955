import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EtcdTls } from '../../lib/dom0/etcd/etcd-post'

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** An authority for one cluster, its members' certificate (`member.pem`, `member.key`) and a client's, in `folder`. */
export function makeCertificates(folder: string): EtcdTls {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  openssl('req', '-x509', ...EC, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=etcd of a test')
  const sign = (name: string, extensions: string): void => {
    writeFileSync(join(folder, `${name}.ext`), extensions)
    openssl('req', ...EC, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/O=holdfast test')
    const signing = ['-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
    openssl('x509', ...signing, '-out', `${name}.pem`, '-extfile', `${name}.ext`)
  }
  // The gateway of a member dials the member itself, and shows the member's own certificate as a client's.
  sign('member', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n')
  sign('client', 'extendedKeyUsage=clientAuth\n')
  const [ca, cert, key] = ['ca.pem', 'client.pem', 'client.key'].map((name) => readFileSync(join(folder, name), 'utf8'))
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' }
}
