import type { ClaimedMemory } from '../../../lib/core/domain/guest-memory'
import { hostUuid } from '../../../lib/core/domain/ids'
import { LockstepKeeper } from '../../../lib/daemon/worker/lockstep/lockstep-keeper'
import type { EpochLink } from '../../../lib/daemon/worker/lockstep/outbox'
import type { CheckpointPort } from '../../../lib/ports/checkpoints'
import type { EpochOrder } from '../../../lib/wire/peer-epochs'
import { QuietLog } from '../../integration/quiet-log'

const PEER = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const PAGE = 4096

/** A primary around its keeper: a guest of one page, a clock that the test moves, and a link that keeps what it is sent. */
class Scene {
  nowMs = 1000
  domid: string | null = '3'
  hindrance = ''
  isWhole = true
  cannot = ''
  opened = 0
  readonly sent: EpochOrder[] = []
  readonly said: string[] = []
  readonly log = new QuietLog()
  readonly keeper: LockstepKeeper
  #due: { atMs: number; act: () => void }[] = []
  #runs = 40

  constructor(fresh = true) {
    const link: EpochLink = { queuedBytes: 0, send: (frame) => this.sent.push(frame) }
    const pages = { parts: [], rest: [] }
    const capture = {
      look: () => Promise.resolve(pages),
      pause: () => Promise.resolve('paused' as const),
      capture: () => Promise.resolve({ pages, state: Buffer.from('state') }),
      resume: () => Promise.resolve(),
      end: () => Promise.resolve(),
    }
    const output = { release: () => undefined, settled: () => Promise.resolve(), end: () => Promise.resolve() }
    const checkpoints = {
      openCapture: () => {
        this.opened++
        return this.cannot === ''
          ? Promise.resolve({ capture, memoryBytes: PAGE, way: 'devices' })
          : Promise.reject(new Error(this.cannot))
      },
      holdOutput: () => Promise.resolve(output),
      newRun: () => ++this.#runs,
    } as unknown as CheckpointPort
    const after = (ms: number, act: () => void) => {
      const due = { atMs: this.nowMs + ms, act }
      this.#due.push(due)
      return { stop: () => void (this.#due = this.#due.filter((each) => each !== due)) }
    }
    this.keeper = new LockstepKeeper(
      {
        parts: { clock: { nowMs: () => this.nowMs }, timers: { after } as never, log: this.log },
        ...{ checkpoints, domid: () => this.domid, link: () => link, term: () => 1 },
        ...{ hindrance: () => this.hindrance, isWhole: () => this.isWhole },
        want: (memory, run) => this.said.push(`claim ${memory} ${run}`),
        answer: (when) => this.said.push(`answer ${when}`),
        apart: (isApart) => this.said.push(isApart ? 'apart' : 'together'),
        record: ({ act }) => this.said.push(act),
      },
      fresh,
    )
  }

  /** What was begun by promises, and by the clock up to now, is done. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) {
      const due = this.#due.filter(({ atMs }) => atMs <= this.nowMs)
      this.#due = this.#due.filter((each) => !due.includes(each))
      for (const { act } of due) act()
      await new Promise(setImmediate)
    }
  }

  async pass(ms: number): Promise<void> {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs += 50
      this.keeper.tick(this.nowMs)
      await this.settle()
    }
  }

  claimed(memory: ClaimedMemory, run: number): void {
    this.keeper.claimed({ memory, run, secondary: PEER })
  }

  async lockstep(run: number): Promise<void> {
    await this.pass(250)
    this.keeper.frame({ type: 'epoch-begun', run })
    await this.pass(500)
    this.keeper.frame({ type: 'epoch-ack', run, epoch: 0 })
    this.claimed('lockstep', run)
    await this.settle()
  }

  get begins(): number {
    return this.sent.filter(({ type }) => type === 'epoch-begin').length
  }
}

let scene: Scene
afterEach(() => scene.keeper.close())

test('what nobody wants is not begun, and is not reported', async () => {
  scene = new Scene()
  await scene.pass(1000)
  expect([scene.opened, scene.keeper.report, scene.keeper.mayStart]).toEqual([0, undefined, true])
})

test('what is wanted begins when nothing stands in its way, and the report says so', async () => {
  scene = new Scene()
  scene.hindrance = 'a resync is under way'
  scene.keeper.want({})
  await scene.pass(1000)
  expect([scene.opened, scene.keeper.report]).toMatchObject([0, { isKept: false, state: 'alone', why: 'a resync is under way' }])
  scene.hindrance = ''
  await scene.lockstep(41)
  expect(scene.keeper.report).toMatchObject({ isKept: true, state: 'lockstep', why: '', epochsConfirmed: 1 })
  expect(scene.said).toEqual(['lockstep-preparing', 'claim lockstep 41', 'answer local', 'lockstep-entered'])
})

test('the dial turned down ends the run: the claim names no memory any more, and it does not begin again', async () => {
  scene = new Scene()
  scene.keeper.want({})
  await scene.lockstep(41)
  scene.said.length = 0
  scene.keeper.want(null)
  scene.keeper.frame({ type: 'epoch-left', run: 41 })
  await scene.settle()
  expect([scene.said, scene.keeper.mayStart]).toEqual([['lockstep-left', 'answer both', 'claim none 41'], false])
  scene.claimed('none', 41)
  await scene.pass(70_000)
  expect([scene.keeper.report, scene.keeper.mayStart, scene.begins]).toEqual([undefined, true, 1])
})

test('a peer that is lost is left apart until the claim does not list it; then a new run begins', async () => {
  scene = new Scene()
  scene.keeper.want({})
  await scene.lockstep(41)
  scene.said.length = 0
  scene.keeper.peerLost('ECONNRESET')
  expect(scene.said).toEqual(['lockstep-left', 'apart', 'claim alone 41'])
  await scene.pass(5000)
  expect(scene.begins).toBe(1)
  scene.claimed('alone', 41)
  await scene.settle()
  expect(scene.said.slice(3)).toEqual(['answer both', 'together'])
  await scene.pass(5000)
  expect(scene.begins).toBe(2)
})

test('where only the peer has every write it is not left apart', async () => {
  scene = new Scene()
  scene.keeper.want({})
  await scene.lockstep(41)
  scene.said.length = 0
  scene.isWhole = false
  scene.keeper.peerLost('ECONNRESET')
  expect(scene.said).toEqual(['lockstep-left', 'claim none 41'])
  scene.claimed('none', 41)
  await scene.settle()
  expect(scene.keeper.mayStart).toBe(true)
})

test('a worker that knows nothing of the one before it waits for the claim before any guest starts', async () => {
  scene = new Scene(false)
  expect([scene.said, scene.keeper.mayStart]).toEqual([['apart', 'claim alone 0'], false])
  scene.claimed('alone', 0)
  await scene.settle()
  expect([scene.said.slice(2), scene.keeper.mayStart]).toEqual([['answer both', 'together'], true])
})

test('what cannot begin is tried again, less and less often, and told once', async () => {
  scene = new Scene()
  scene.cannot = 'its memory is no shared file'
  scene.keeper.want({})
  const triesIn = async (ms: number): Promise<number> => {
    const before = scene.opened
    await scene.pass(ms)
    return scene.opened - before
  }
  expect([await triesIn(1000), await triesIn(2000), await triesIn(4000), await triesIn(8000)]).toEqual([1, 1, 1, 1])
  expect(scene.keeper.report).toMatchObject({ isKept: false, why: scene.cannot })
  expect(scene.log.lines).toHaveLength(1)
  // Asked for anew by the operator, it is not waited for.
  scene.keeper.want({})
  expect(await triesIn(200)).toBe(1)
})

test('other settings begin a new run', async () => {
  scene = new Scene()
  scene.keeper.want({})
  await scene.lockstep(41)
  scene.keeper.want({ intervalMaxMs: 200 })
  scene.keeper.frame({ type: 'epoch-left', run: 41 })
  scene.claimed('none', 41)
  await scene.pass(3000)
  expect(scene.begins).toBe(2)
  scene.keeper.want({ intervalMaxMs: 200 })
  expect(scene.keeper.report?.state).toBe('beginning')
})
