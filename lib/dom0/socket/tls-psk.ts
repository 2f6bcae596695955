import { connect, type TLSSocket } from 'node:tls'

/** What proves that the other side belongs to the pool: who, and a key of 32 bytes. */
export interface PoolSecret {
  /** The pool's uuid, the identity in the handshake. */
  readonly pool: string
  readonly key: Buffer
}

/**
 * Options of every TLS socket between hosts. A pre-shared key authenticates both sides, so there are no certificates to issue or
 * to expire. Node offers such keys up to TLS 1.2 only; the first two ciphers have forward secrecy.
 */
export const TLS_PSK = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384:PSK-AES256-GCM-SHA384',
} as const

/** Dials another process of the pool. Not connected yet when it returns; `secureConnect` means that the key was proven. */
export const connectTlsPsk = (host: string, port: number, { pool, key }: PoolSecret): TLSSocket =>
  connect({
    ...TLS_PSK,
    host,
    port,
    pskCallback: () => ({ psk: key, identity: pool }),
    // The key proves who the other side is; there is no certificate to check.
    checkServerIdentity: () => undefined,
  })
