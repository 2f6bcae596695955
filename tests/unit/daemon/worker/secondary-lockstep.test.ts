import { readFileSync } from 'node:fs'
import { takeOver } from '../../../../lib/daemon/worker/claim/take-over'
import type { CheckpointPort } from '../../../../lib/ports/checkpoints'
import type { StandbySpec } from '../../../../lib/ports/standby-machine'
import { A, B } from '../../../contracts/witness-port'
import { SecondaryScene, type TestLink } from './secondary-scene'

const RUN = 7
const PAGE = 4096
/** Long enough for a holder that sends epochs. */
const SILENT_MS = 300

/** Standbys in memory, one after the other. */
class Standbys implements Pick<CheckpointPort, 'prepare'> {
  readonly prepared: StandbySpec[] = []
  ended = 0
  memory = Buffer.alloc(0)
  state = ''
  runs = false

  readonly prepare: CheckpointPort['prepare'] = (spec) => {
    this.prepared.push(spec)
    this.memory = Buffer.alloc(spec.memoryBytes)
    return Promise.resolve({
      domid: '12',
      fill: (parts) => {
        for (const { runs, bytes } of parts) bytes.copy(this.memory, runs[0]?.offset ?? 0)
        return Promise.resolve()
      },
      load: (state) => Promise.resolve(void (this.state = state.toString())),
      run: () => {
        this.runs = true
        return Promise.resolve()
      },
      end: () => {
        this.ended++
        return Promise.resolve()
      },
    })
  }
}

let standbys: Standbys
let scene: SecondaryScene
let link: TestLink
let seq = 10
beforeEach(async () => {
  standbys = new Standbys()
  scene = new SecondaryScene({}, standbys as unknown as CheckpointPort)
  link = await scene.inStep()
})
afterEach(() => scene.close())

const reports = (): string[] =>
  link.sent.flatMap((frame) =>
    frame.type.startsWith('epoch-') ? [`${frame.type}${'epoch' in frame ? ` ${frame.epoch}` : ''}`] : [],
  )
const doneOf = (asked: number): boolean => link.sent.some((frame) => frame.type === 'done' && frame.seq === asked)
const onDisk = (offset = 0): number => readFileSync(scene.spec.volumes[0]?.path ?? '')[offset] ?? -1

function write(byte: number, offset = 0): number {
  scene.write(link, 0, ++seq, offset, byte)
  return seq
}

async function begun(): Promise<void> {
  scene.frame(link, { type: 'epoch-begin', run: RUN, memoryBytes: 4 * PAGE, way: 'devices', term: 1 })
  await scene.until('it is there', () => reports().includes('epoch-begun'))
}

/** All of it but its end, unless `isWhole`. */
function epoch(number: number, byte: number, isWhole = true): void {
  const of = { run: RUN, epoch: number, term: 1 }
  const runs = [{ offset: PAGE, length: PAGE }]
  scene.frame(link, { type: 'epoch-part', ...of, kind: 'memory', runs, data: Buffer.alloc(PAGE, byte) })
  scene.frame(link, { type: 'epoch-cut', ...of })
  scene.frame(link, { type: 'epoch-part', ...of, kind: 'device', data: Buffer.from(`state ${number}`) })
  if (isWhole) scene.frame(link, { type: 'epoch-end', ...of, parts: 2 })
}
const acked = (number: number): Promise<true> => scene.until(`epoch ${number}`, () => reports().includes(`epoch-ack ${number}`))

/** As the witness has it from then on. */
function claimNames(run: number): void {
  scene.stored = { revision: scene.stored.revision + 1, claim: { ...scene.stored.claim, lockstep: { secondary: B, run } } }
}

test('a change waits for the end of its epoch, and those before and after keep their order', async () => {
  await begun()
  const before = write(1)
  await scene.until('what comes before the first cut is not held', () => doneOf(before))
  epoch(0, 0xa0)
  await acked(0)
  const held = write(2)
  const flush = ++seq
  scene.frame(link, { type: 'flush', seq: flush, volume: 0, term: 1 })
  epoch(1, 0xa1, false)
  const later = write(3)
  expect([doneOf(held), doneOf(flush), onDisk()]).toEqual([false, false, 1])
  scene.frame(link, { type: 'epoch-end', run: RUN, epoch: 1, parts: 2, term: 1 })
  await scene.until('both are done', () => doneOf(held) && doneOf(flush))
  expect([onDisk(), doneOf(later)]).toEqual([2, false])
  scene.frame(link, { type: 'epoch-leave', run: RUN, term: 1 })
  await scene.until('it is left behind all of them', () => reports().includes('epoch-left'))
  expect([onDisk(), doneOf(later), standbys.ended]).toEqual([3, true, 1])
})

test('what hangs on the disk since before the run comes before all that is asked in it', async () => {
  const letGo = scene.replicas.hold('write')
  const old = write(1)
  await scene.until('it hangs', () => scene.replicas.waiting === 1)
  await begun()
  const later = write(2)
  epoch(0, 0xa0)
  await acked(0)
  expect([scene.replicas.waiting, doneOf(later)]).toEqual([1, false])
  letGo()
  await scene.until('both are done', () => doneOf(old) && doneOf(later))
  expect(onDisk()).toBe(2)
})

test('the guest is taken over at the end of its last whole epoch, disk and memory', async () => {
  await begun()
  epoch(0, 0xa0)
  write(2)
  epoch(1, 0xa1)
  await acked(1)
  write(3)
  epoch(2, 0xa2, false)
  claimNames(RUN)
  expect(await takeOver(scene.secondary, B, scene.parts)).toEqual({ taken: false, why: 'holder-alive' })
  scene.nowMs += SILENT_MS
  const taken = await takeOver(scene.secondary, B, scene.parts)
  expect(taken).toMatchObject({
    taken: true,
    rule: 'lockstep-secondary',
    claimed: RUN,
    stored: { claim: { holder: B, lockstep: null } },
  })
  const guest = await scene.secondary.standby?.takeOver(RUN)
  expect(guest).toMatchObject({ did: 'load', run: RUN, epoch: 1, domid: '12' })
  expect([standbys.memory[PAGE], standbys.state, onDisk(), standbys.runs]).toEqual([0xa1, 'state 1', 2, false])
  await scene.secondary.close()
  expect([guest?.did === 'load' ? await guest.goOn(() => undefined) : '', standbys.runs, standbys.ended]).toEqual(['', true, 0])
})

test('a claim that names a memory which is not here is not taken', async () => {
  await begun()
  epoch(0, 0xa0)
  await acked(0)
  claimNames(RUN + 1)
  scene.nowMs += SILENT_MS
  expect(await takeOver(scene.secondary, B, scene.parts)).toEqual({ taken: false, why: 'memory-not-here' })
  expect(scene.stored.claim.holder).toBe(A)
  // Frames may have been missed meanwhile.
  await scene.until('it is told', () => reports().includes('epoch-failed'))
})

test('in a new conversation nothing of the run is left but what was acknowledged', async () => {
  await begun()
  epoch(0, 0xa0)
  write(2)
  epoch(1, 0xa1)
  write(3)
  await acked(1)
  scene.lose()
  link = scene.link('a')
  await scene.until('the replicas are offered', () => link.present.length === 2)
  expect([onDisk(), standbys.ended, scene.secondary.standby?.outlook(RUN)]).toEqual([2, 1, 'cannot'])
  const direct = write(4)
  await scene.until('it is not held', () => doneOf(direct))
  expect(onDisk()).toBe(4)
})

test('a replica that fails ends the run, and nobody waits for it', async () => {
  await begun()
  epoch(0, 0xa0)
  await acked(0)
  scene.replicas.fail('write', 'EIO')
  write(2)
  epoch(1, 0xa1)
  await scene.until('it is told', () => reports().includes('epoch-failed'))
  expect(link.sent.some(({ type }) => type === 'gone')).toBe(true)
})
