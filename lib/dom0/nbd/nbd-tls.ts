import type { Socket } from 'node:net'
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls'

/** How a server of disks and its clients know each other. Nobody is served unknown. */
export type NbdTls =
  /** PEM texts. Clients show a certificate that `clientCa` has signed. */
  | { readonly cert: string; readonly key: string; readonly clientCa: string }
  /** Keys by the names of those who have them. */
  | { readonly pskOf: ReadonlyMap<string, Buffer> }

/** With forward secrecy only. Node offers pre-shared keys up to TLS 1.2. */
const PSK_CIPHERS = 'DHE-PSK-AES256-GCM-SHA384:DHE-PSK-AES128-GCM-SHA256:ECDHE-PSK-CHACHA20-POLY1305'

/** Throws the system's error when certificate, key and authority do not belong together. */
export function checkTls(tls: NbdTls): void {
  createServer(serverOptions(tls))
}

/** `socket` is from now on what carries TLS. One of `secure` and `refused` is called, unless the socket is closed before. */
export function startTls(
  socket: Socket,
  tls: NbdTls,
  secure: (socket: TLSSocket) => void,
  refused: (reason: string) => void,
): void {
  const server = createServer(serverOptions(tls), (client) => {
    // Left to us, so that the reason is told: a client with TLS 1.3 believes that it is in already.
    if ('pskOf' in tls || client.authorized) secure(client)
    else if (client.getPeerX509Certificate() === undefined) refused('it showed no certificate')
    else refused(`its certificate: ${String(client.authorizationError)}`)
  })
  server.on('tlsClientError', (error) => refused(error.message))
  server.emit('connection', socket)
}

function serverOptions(tls: NbdTls): TlsOptions {
  if ('pskOf' in tls) {
    const { pskOf } = tls
    return {
      ciphers: PSK_CIPHERS,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      dhparam: 'auto',
      pskCallback: (_socket, name) => pskOf.get(name) ?? null,
    }
  }
  const { cert, key, clientCa } = tls
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' }
}
