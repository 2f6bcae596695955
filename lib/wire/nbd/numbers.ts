/** Numbers of the NBD protocol (fixed newstyle). */
export const GREETING_MAGIC = 0x4e42444d41474943n
export const OPTION_MAGIC = 0x49484156454f5054n
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n
export const REQUEST_MAGIC = 0x25609513
export const REPLY_MAGIC = 0x67446698
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef

export const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 } as const

export const OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const

export const OPTION_REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x80000001,
  policy: 0x80000002,
  invalid: 0x80000003,
  tlsRequired: 0x80000005,
  unknownExport: 0x80000006,
  shuttingDown: 0x80000007,
  tooBig: 0x80000009,
} as const

export const INFO = { export: 0, name: 1, description: 2, blockSize: 3 } as const

export const TRANSMISSION = {
  hasFlags: 1,
  readOnly: 2,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 32,
  sendWriteZeroes: 64,
  sendDf: 128,
  canMultiConn: 256,
} as const

export const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6, blockStatus: 7 } as const
export const COMMAND_FLAG = { fua: 1, noHole: 2, dontFragment: 4, oneExtent: 8 } as const

/** Of a chunk of a structured reply. */
export const CHUNK = { none: 0, offsetData: 1, blockStatus: 5, error: 0x8001 } as const
export const CHUNK_FLAG = { done: 1 } as const
/** Of a stretch, as told in the context base:allocation. */
export const EXTENT_STATE = { hole: 1, zero: 2 } as const

/** The errors a reply may carry; they are Linux's numbers. */
export const NBD_ERROR = {
  none: 0,
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const

const SENDABLE: ReadonlySet<number> = new Set(Object.values(NBD_ERROR))

/** The protocol knows few errors; any other is told to the client as EIO. */
export const sendableError = (errno: number): number => (SENDABLE.has(errno) ? errno : NBD_ERROR.EIO)

/** A larger payload is refused: what QEMU and libnbd send at most unless told otherwise, and four times tapdisk's largest. */
export const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024
/** Of an export or of a context, by the protocol. */
export const NAME_BYTES_MAX = 4096
/** A name, and room for a list of wanted facts or contexts. */
export const OPTION_BYTES_MAX = 8192
/** A client that haggles longer than this has lost its way. */
export const OPTIONS_MAX = 256

/** What an option reply of a sane server never exceeds; longer ones are not awaited. */
export const OPTION_REPLY_BYTES_MAX = 16 * 1024
/** A server that answers one option with more than this has lost its way. */
export const OPTION_REPLIES_MAX = 64
