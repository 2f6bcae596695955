import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { loadNativeIo, type NativeIo } from '../block/native-io'

const NOTHING: readonly Buffer[] = []

/**
 * Bytes go to the system at once, past Node's streams: those make several objects, two callbacks and a turn of their own for each
 * write, which costs as much as the sending. What the system does not take goes the usual way.
 */
export class DirectSend {
  /** `native`: default, what was built with the executable; null: everything goes the usual way. */
  constructor(
    private readonly socket: Writable,
    private readonly native: NativeIo | null = loadNativeIo(),
  ) {}

  /** Answers what the system has not taken: everything, while earlier bytes wait or there is no connection. */
  send(pieces: readonly Buffer[]): readonly Buffer[] {
    const { socket, native } = this
    if (native === null || socket.writableLength > 0 || !socket.writable) return pieces
    const fd = descriptorOf(socket)
    if (fd < 0) return pieces
    const sent = native.sendNow(fd, pieces)
    // What is wrong is told when the stream tries the same.
    return sent <= 0 ? pieces : after(pieces, sent)
  }

  /** They leave together, directly or the usual way. `taken`: the system has them, or an error says that it never will. */
  sendAll(pieces: readonly Buffer[], taken: (error?: Error | null) => void): void {
    const { socket } = this
    const rest = this.send(pieces)
    const last = rest.at(-1)
    if (last === undefined) {
      taken()
      return
    }
    socket.cork()
    for (const piece of rest) if (piece !== last) socket.write(piece)
    socket.write(last, taken)
    socket.uncork()
  }
}

/** -1 where there is none, or where the bytes are not the socket's own. Node does not document it. */
function descriptorOf(socket: Writable): number {
  if (!(socket instanceof Socket) || socket instanceof TLSSocket || socket.connecting) return -1
  const { _handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null }
  return _handle?.fd ?? -1
}

function after(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let done = bytes
  for (const [at, piece] of pieces.entries()) {
    if (done < piece.length) return [piece.subarray(done), ...pieces.slice(at + 1)]
    done -= piece.length
  }
  return NOTHING
}
