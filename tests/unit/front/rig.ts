import { NbdFront } from '../../../lib/wire/nbd/front'
import { ModelRoom } from './model-room'

export const hex = (...words: string[]): Buffer => Buffer.from(words.join('').replace(/\s/g, ''), 'hex')

export const GREETING = hex('4e42444d41474943 49484156454f5054 0003')
const OPTION = '49484156454f5054'
/** Fixed newstyle, no gap of zeroes. */
export const FLAGS = hex('00000003')
/** GO or INFO for `disk`, wanting the block sizes. */
const choose = (code: string): Buffer => hex(OPTION, code, '0000000c 00000004 6469736b 0001 0003')
export const GO = choose('00000007')
export const INFO = choose('00000006')
export const ABORT = hex(OPTION, '00000002 00000000')
export const LIST = hex(OPTION, '00000003 00000000')
export const STRUCTURED = hex(OPTION, '00000008 00000000')
export const TAPDISK = hex(OPTION, '00000001 0000000f', '7461706469736b5f636c69656e7400')
/** What the front asks a worker for the export `disk` with. */
export const ASKS_BY_GO = Buffer.concat([FLAGS, GO])
export const ASKS_BY_NAME = Buffer.concat([FLAGS, hex(OPTION, '00000001 00000004 6469736b')])

const FLAGS_OF_WORKER = 0x016d
const reply = (code: string, type: string, data = ''): Buffer => hex('0003e889045565a9', code, type, hex32(data.length / 2), data)
const sized = (sizeBytes: number, flags: number): string =>
  sizeBytes.toString(16).padStart(16, '0') + flags.toString(16).padStart(4, '0')
/** What a worker answers to GO, and to the name alone. */
export const opensByGo = (sizeBytes: number, flags = FLAGS_OF_WORKER): Buffer =>
  Buffer.concat([
    GREETING,
    reply('00000007', '00000003', `0000${sized(sizeBytes, flags)}`),
    reply('00000007', '00000003', '0003000000010000100002000000'),
    reply('00000007', '00000001'),
  ])
export const opensByName = (sizeBytes: number, flags = FLAGS_OF_WORKER): Buffer =>
  Buffer.concat([GREETING, hex(sized(sizeBytes, flags))])

const hex32 = (value: number): string => value.toString(16).padStart(8, '0')
const cookieOf = (cookie: number): string => cookie.toString(16).padStart(16, '0')
export const ask = (type: number, cookie: number, offset: number, length: number, data = ''): Buffer => {
  const header = hex('25609513', hex32(type), cookieOf(cookie), cookieOf(offset), hex32(length))
  return Buffer.concat([header, Buffer.from(data, 'latin1')])
}
export const answer = (cookie: number, error = 0, data = ''): Buffer =>
  Buffer.concat([hex('67446698', hex32(error), cookieOf(cookie)), Buffer.from(data, 'latin1')])

/** A front between a client and workers that this test plays, byte by byte. */
export class FrontRig {
  readonly room: ModelRoom
  readonly front: NbdFront
  readonly story: string[] = []
  private forClient: Buffer[] = []
  private forWorker: Buffer[] = []

  constructor(requestsMax = 100, bytesMax = 1_000_000) {
    this.room = new ModelRoom(requestsMax, bytesMax)
    this.front = new NbdFront({
      exportName: 'disk',
      room: this.room,
      onServing: (resent) => this.story.push(`serving, ${resent} resent`),
      out: {
        // Copied as a socket would send them: at once.
        toClient: (bytes) => this.forClient.push(Buffer.from(bytes)),
        toWorker: (bytes) => this.forWorker.push(Buffer.from(bytes)),
        dropWorker: (fault) => this.story.push(`dropped: ${fault ?? 'no fault'}`),
        endClient: (orderly, reason) => this.story.push(`${orderly ? 'left' : 'ended'}: ${reason}`),
      },
    })
  }

  /** A client and a worker that know each other, by GO. */
  static serving(sizeBytes = 4096, requestsMax?: number, bytesMax?: number): FrontRig {
    const rig = new FrontRig(requestsMax, bytesMax)
    rig.client(FLAGS, GO)
    rig.connect(opensByGo(sizeBytes))
    rig.heard()
    rig.asked()
    rig.story.length = 0
    return rig
  }

  client(...chunks: Buffer[]): void {
    for (const chunk of chunks) this.front.fromClient(Buffer.from(chunk))
  }

  worker(...chunks: Buffer[]): void {
    for (const chunk of chunks) this.front.fromWorker(Buffer.from(chunk))
  }

  /** A worker is there and says this. */
  connect(...chunks: Buffer[]): void {
    this.front.workerConnected()
    this.worker(...chunks)
  }

  /** What the client was sent since this was last asked. */
  heard(): string {
    return taken(this.forClient.splice(0))
  }

  asked(): string {
    return taken(this.forWorker.splice(0))
  }
}

const taken = (all: Buffer[]): string => Buffer.concat(all).toString('hex')
