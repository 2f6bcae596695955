import { connect, type TLSSocket } from 'node:tls'
import { TLS_PSK } from '../../lib/dom0/socket/tls-psk'
import { encodeClaimsLine } from '../../lib/wire/claims'
import { KEY, POOL } from './running-witness'

export const HELLO = encodeClaimsLine({ type: 'hello', protocol: 1, pool: POOL, client: 'raw' })

/** A host with manners of its own: whatever bytes it likes, in a TLS session with the right key. */
export class RawHost {
  text = ''
  ended = false
  private secure = false
  private constructor(readonly socket: TLSSocket) {
    socket.once('secureConnect', () => (this.secure = true))
    socket.on('data', (chunk: Buffer) => (this.text += chunk.toString()))
    socket.on('error', () => (this.ended = true))
    socket.once('close', () => (this.ended = true))
  }

  static async connect(port: number): Promise<RawHost> {
    const socket = connect({
      ...{ host: '127.0.0.1', port, ...TLS_PSK },
      pskCallback: () => ({ psk: KEY, identity: POOL }),
      checkServerIdentity: () => undefined,
    })
    const host = new RawHost(socket)
    await until(() => host.ended || host.secure, 'a TLS session')
    return host
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }
}

/** Waits for a condition, for at most 20 s. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
