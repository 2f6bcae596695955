import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** An authority made for one test, and what it signs, in folders laid out as QEMU, nbdkit and libnbd read them. */
export class Authority {
  constructor(private readonly folder: string) {
    mkdirSync(folder)
    const constraints = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    this.openssl(
      'req',
      '-x509',
      ...KEY,
      '-keyout',
      'ca-key.pem',
      '-out',
      'ca-cert.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test',
      ...constraints,
    )
  }

  /** The certificate is for the host `disk.example` at 127.0.0.1. */
  server(): string {
    return this.signed('server', 'subjectAltName=DNS:disk.example,IP:127.0.0.1\nextendedKeyUsage=serverAuth')
  }

  client(): string {
    return this.signed('client', 'extendedKeyUsage=clientAuth')
  }

  /** A folder that trusts this authority and proves nothing. */
  trust(): string {
    const folder = join(this.folder, 'trust')
    mkdirSync(folder)
    this.openssl('x509', '-in', 'ca-cert.pem', '-out', 'trust/ca-cert.pem')
    return folder
  }

  private signed(name: string, extensions: string): string {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    const [key, request, certificate] = [`${name}/${name}-key.pem`, `${name}/request.pem`, `${name}/${name}-cert.pem`]
    writeFileSync(join(folder, 'extensions'), `${extensions}\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n`)
    this.openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`)
    const authority = ['-CA', 'ca-cert.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2']
    this.openssl('x509', '-req', '-in', request, '-out', certificate, ...authority, '-extfile', `${name}/extensions`)
    this.openssl('x509', '-in', 'ca-cert.pem', '-out', `${name}/ca-cert.pem`)
    return folder
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
