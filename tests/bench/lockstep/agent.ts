/**
 * Lockstep on its drivers alone, in a host of the lab, until the product is what is measured: one line of words is a request, one of JSON its
 * answer. No disk, no claim: whoever asks is the witness.
 */
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { EPOCH_LIMITS } from '../../../lib/core/checkpoint/epochs'
import { LockstepPrimary } from '../../../lib/daemon/worker/lockstep/lockstep-primary'
import { PRIMARY_LIMITS } from '../../../lib/daemon/worker/lockstep/lockstep-needs'
import { LockstepStandby } from '../../../lib/daemon/worker/lockstep/lockstep-standby'
import { connectPeer, listenPeer } from '../../../lib/dom0/peer-link'
import { prepareStandby } from '../../../lib/dom0/qemu/prepare-standby'
import { standbyHost } from '../../../lib/dom0/qemu/standby-host'
import { loadNativeTls } from '../../../lib/dom0/socket/native-tls'
import { systemTimers } from '../../../lib/dom0/system/system-timers'
import type { Log } from '../../../lib/ports/log'
import type { PeerLink } from '../../../lib/ports/peer-link'
import { isEpochFrame, type EpochOrder, type EpochReport } from '../../../lib/wire/peer-epochs'
import { PEER_PROTOCOL, type Hello } from '../../../lib/wire/peer'
import { WatchedGuest } from './watched-guest'

const FOLDER = '/dev/shm/lockstep-bench'
const PORT = 7788
const UUID = '3b0c6c2e-5d1c-4f0e-9a37-0c7a3d1f2b10'
const WAIT_MS = 20
const LIMIT_MS = 60_000
mkdirSync(FOLDER, { recursive: true, mode: 0o700 })

const say = (text: string, facts?: unknown): void => {
  process.stderr.write(`${text} ${JSON.stringify(facts ?? '')}\n`)
}
const log: Log = { debug: () => undefined, info: () => undefined, warn: say, error: say }
const secret = { pool: UUID, key: Buffer.alloc(32, 0x5c) }
const security = { secret, native: loadNativeTls('/opt/lab'), log }

let link: PeerLink | null = null
let guest: WatchedGuest
let primary: LockstepPrimary | null = null
let standby: LockstepStandby<never>
let claimed: number | null = null
let run = 0

const requests: Readonly<Record<string, (...words: string[]) => Promise<unknown>>> = {
  watch: async (address = '', vm = '', domid = '') => {
    guest = await WatchedGuest.open(domid, FOLDER)
    const hello: Hello = {
      protocol: PEER_PROTOCOL,
      pool: UUID,
      vm,
      host: UUID,
      incarnation: 'bench',
      term: 1,
      linkId: 1,
      volumes: [],
    }
    connectPeer({
      ...{ ...security, addresses: [address], port: PORT, hello, onRefused: (refuse) => say('refused', refuse) },
      events: {
        up: (up) => {
          link = up
        },
        frame: (frame, _link, memory) => {
          if (isEpochFrame(frame)) primary?.frame(frame as EpochReport)
          memory?.giveBack(true)
        },
        down: (why) => {
          link = null
          primary?.peerLost(why)
        },
      },
    })
    await until('the link', () => link !== null)
  },
  begin: async (epochMs = '') => {
    const pacing = { ...EPOCH_LIMITS.pacing, intervalMinMs: Number(epochMs), intervalMaxMs: Number(epochMs) }
    primary = new LockstepPrimary(
      {
        ...{ clock: { nowMs: () => performance.now() }, timers: systemTimers, term: () => 1, newRun: () => ++run, note: say },
        ...{ openCapture: guest.capture, holdOutput: guest.output, link: () => link },
        claim: (wish, of) => {
          setImmediate(() => primary?.claimed(wish, of))
        },
        ...{ answer: () => undefined, destroy: () => undefined, tell: (news) => say('news', news) },
      },
      true,
      { ...PRIMARY_LIMITS, epochs: { ...EPOCH_LIMITS, pacing } },
    )
    const why = await primary.begin()
    if (why !== '') throw new Error(why)
    await until('lockstep', () => primary?.life === 'lockstep')
    return run
  },
  leave: async () => {
    primary?.leave('it is measured no more')
    await until('its end', () => primary?.life === 'alone')
    await guest.free()
    primary?.close()
    primary = null
  },
  status: () => Promise.resolve(primary?.status ?? null),

  listen: async (address = '', vm = '') => {
    const served = () => ({ socket: '/nowhere', exportName: '' })
    standby = new LockstepStandby<never>({
      ...{ vm, prepare: prepareStandby({ host: standbyHost(), folder: FOLDER, served }) },
      ...{ send: (report) => link?.send(report), write: () => Promise.resolve(''), dropped: () => undefined, note: say },
    })
    await listenPeer({
      ...{ ...security, addresses: [address], port: PORT },
      onHello: () => ({ welcome: { protocol: PEER_PROTOCOL, host: UUID, lockstep: true } }),
      events: {
        up: (up) => {
          link = up
        },
        // Its memory is the standby's until the epoch is in its machine's.
        frame: (frame) => {
          if (isEpochFrame(frame)) standby.frame(frame as EpochOrder)
        },
        down: () => {
          link = null
        },
      },
    })
  },
  claim: (of = '') => {
    claimed = Number(of)
    return Promise.resolve()
  },
  takeOver: async () => {
    standby.seal()
    const from = performance.now()
    let goesMs = from
    const taken = await standby.takeOver(claimed)
    const error = taken.did === 'load' ? await taken.goOn(() => (goesMs = performance.now())) : ''
    if (error !== '') throw new Error(error)
    return { ...taken, tookMs: goesMs - from }
  },
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!holds()) {
    if (performance.now() > end) throw new Error(`gave up waiting for ${what}`)
    await sleep(WAIT_MS)
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [request = '', ...words] = line.split(' ')
  const answer = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)
  const asked = requests[request]
  if (asked === undefined) throw new Error(`no request ${request}`)
  asked(...words).then(
    (value) => answer({ ok: value ?? null }),
    (error: unknown) => answer({ error: String(error) }),
  )
})
