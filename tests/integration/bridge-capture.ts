/** Every frame of TCP that the guest sends, as it arrives at the client's end of the production network, whichever host it came from. */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { VM_ADDRESS } from '../../lib/lab/demo/stage'
import type { Lab } from '../../lib/lab/rack/lab'
import type { Segment } from './wire-story'

// Times are those of the machine's monotonic clock, which every process of the lab has.
const CAPTURE = `
import socket, struct, sys, time
guest = socket.inet_aton(sys.argv[1])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)
wire.bind(('eth0', 0))
print('listens', flush=True)
while True:
    frame = wire.recv(65536)
    at = time.monotonic() * 1000
    if frame[12:14] != b'\\x08\\x00' or frame[23] != 6 or frame[26:30] != guest: continue
    start = 14 + (frame[14] & 15) * 4
    source, to, seq, _, head, flags = struct.unpack('!HHIIBB', frame[start:start + 14])
    end = 14 + struct.unpack('!H', frame[16:18])[0]
    told = ''.join(name for bit, name in ((1, 'F'), (2, 'S'), (4, 'R')) if flags & bit)
    print(f'{at:.3f} {source} {to} {seq} -{told} {frame[start + (head >> 4) * 4:end].hex()}', flush=True)
`

export class BridgeCapture {
  readonly segments: Segment[] = []

  private constructor(private readonly child: ChildProcess) {}

  static async start(lab: Lab): Promise<BridgeCapture> {
    const child = await lab.spawnIn('client', ['/usr/bin/python3', '-c', CAPTURE, VM_ADDRESS], ['ignore', 'pipe', 'inherit'])
    const capture = new BridgeCapture(child)
    if (child.stdout === null) throw new Error('no standard output')
    const lines = createInterface({ input: child.stdout })
    await new Promise<void>((resolve, reject) => {
      lines.once('line', () => resolve())
      child.once('exit', () => reject(new Error('nothing can be captured')))
    })
    lines.on('line', (line) => {
      const [at = '', from = '', to = '', seq = '', flags = '', payload = ''] = line.split(' ')
      const numbers = { atMs: Number(at), from: Number(from), to: Number(to), seq: Number(seq) }
      capture.segments.push({ ...numbers, flags, payload: Buffer.from(payload, 'hex') })
    })
    return capture
  }

  /** Each connection to that port of the guest, as the guest spoke on it. */
  connections(port: number): ReadonlyMap<number, readonly Segment[]> {
    const found = new Map<number, Segment[]>()
    for (const segment of this.segments) {
      if (segment.from !== port) continue
      const list = found.get(segment.to) ?? []
      list.push(segment)
      found.set(segment.to, list)
    }
    return found
  }

  stop(): void {
    this.child.kill('SIGKILL')
  }
}
