import { TLS_STATE, type NativeTls, type TlsSession } from '../../lib/dom0/socket/native-tls'

export const IDENTITY = 'a pool'
export const KEY = Buffer.alloc(32, 0x5c)

/** One end of a conversation whose wire is a test. */
export class Party {
  readonly session: TlsSession
  /** All that it was told by the other end. */
  heard = Buffer.alloc(0)
  private state: number = TLS_STATE.greeting
  private readonly into = Buffer.alloc(5000)
  private readonly result = new Int32Array(4)

  constructor(
    private readonly native: NativeTls,
    isServer: boolean,
    { key = KEY, identity = IDENTITY } = {},
  ) {
    this.session = native.begin(isServer, identity, key)
  }

  get isOpen(): boolean {
    return this.state === TLS_STATE.open
  }

  get isFailed(): boolean {
    return this.state === TLS_STATE.failed
  }

  get why(): string {
    return this.native.why(this.session)
  }

  hear(bytes: Buffer): void {
    let from = bytes
    for (;;) {
      this.native.open(this.session, from, this.into, this.result)
      const [used = 0, filled = 0, state = -1] = this.result
      this.state = state
      this.heard = Buffer.concat([this.heard, this.into.subarray(0, filled)])
      from = from.subarray(used)
      if (used === 0 && filled === 0) return
    }
  }

  /** What it says by itself. */
  words(): Buffer {
    const room = Buffer.alloc(100_000)
    return Buffer.from(room.subarray(0, this.native.tell(this.session, room)))
  }

  sealed(data: Buffer): Buffer {
    const room = Buffer.alloc(2 * data.length + 1000)
    const end = this.native.seal(this.session, data, room, 10)
    return Buffer.from(room.subarray(10, Math.max(10, end)))
  }

  renew(): void {
    this.native.renew(this.session)
  }

  end(): void {
    this.native.end(this.session)
  }
}

/** What each said, in turns, until nobody says anything. `wire` carries it. */
export function greet(client: Party, server: Party, wire: (bytes: Buffer, to: Party, turn: number) => void = direct): void {
  for (let turn = 0; turn < 10; turn++) {
    const [from, to] = turn % 2 === 0 ? [client, server] : [server, client]
    const words = from.words()
    if (words.length === 0 && turn > 1) return
    wire(words, to, turn)
  }
}

const direct = (bytes: Buffer, to: Party): void => to.hear(bytes)
