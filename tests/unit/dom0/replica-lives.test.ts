import { HISTORY_MAX } from '../../../lib/core/domain/volume'
import { codeOf } from '../../../lib/dom0/system/system-error'
import type { StoredReplica } from '../../../lib/ports/replica-store'
import { Dice } from '../../world/prng'
import { CrashingFiles, tearBy } from './crashing-files'
import { GIB, holdingOf, IMAGE, openerIn, pagePart, pageText, Promised, volumeOf, type Holding } from './replica-rig'

/** SEED=n begins with another; each failure prints its own. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1)
const SEEDS = Number(process.env['SEEDS'] ?? 150)
const LIVES = 8
const PAGES = 3
const VOLUME = volumeOf(4.5 * GIB + 512)
const SUFFIXES = [
  ['.meta.json', '.hot', '.map'],
  ['.meta.2.json', '.hot.2', '.map.2'],
]

jest.setTimeout(60_000 + 60 * SEEDS)

/** One replica through several lives of its worker and its machine. */
class Story {
  readonly files = new CrashingFiles()
  readonly told: string[] = []
  private promised: Promised | null = null
  /** While one copy may not be whole, on the disk or in the page cache, the other must be left alone. */
  private harm: 'none' | 'on-disk' | 'in-cache' = 'none'

  constructor(private readonly dice: Dice) {
    this.files.pause = () => dice.below(4)
  }

  async live(): Promise<void> {
    const { dice, files } = this
    files.restartProcess()
    if (dice.chance(0.7)) files.crashAt = dice.below(dice.chance(0.3) ? 30 : 160)
    const faultAt = dice.chance(0.2) ? dice.below(120) : Infinity
    files.isFaulty = (call) =>
      files.steps >= faultAt && /^(write|write through|sync|sync folder|rename)$/.test(call) && this.fault(call)
    const end = await Promise.race([files.crashed, this.work()])
    await new Promise((resolve) => setImmediate(resolve))
    this.told.push(`${end} at step ${files.steps}`)
    files.isFaulty = () => false
    if (dice.chance(0.6)) this.powerFails()
  }

  private fault(call: string): boolean {
    if (this.dice.chance(0.5)) return false
    this.told.push(`${call} fails`)
    this.harm = 'in-cache'
    return true
  }

  private powerFails(): void {
    this.files.restart(tearBy(this.dice))
    this.told.push('power fails')
    if (this.harm === 'in-cache') this.harm = 'on-disk'
    if (this.harm !== 'none' || this.promised === null || this.dice.chance(0.5)) return
    this.harm = 'on-disk'
    const copy = this.dice.below(2)
    this.told.push(`copy ${copy} is damaged`)
    for (const suffix of SUFFIXES[copy] ?? []) {
      if (this.dice.chance(0.8)) this.files.damage(`${IMAGE}${suffix}`, (bytes) => this.damaged(bytes))
    }
  }

  private damaged(bytes: Buffer): Buffer | null {
    const { dice } = this
    if (dice.chance(0.2)) return null
    if (dice.chance(0.3)) return bytes.subarray(0, dice.below(bytes.length + 1))
    for (let times = 1 + dice.below(20); times > 0 && bytes.length > 0; times--) bytes[dice.below(bytes.length)] = dice.below(256)
    return bytes
  }

  private async work(): Promise<string> {
    try {
      const replica = await openerIn(this.files)(VOLUME, this.promised === null)
      const found = holdingOf(replica, PAGES)
      this.promised ??= new Promised(new Map())
      this.promised.check(this.told.join(', '), found)
      if (found !== 'lost') this.promised.found(found)
      if (this.harm === 'on-disk') this.harm = 'none'
      await this.use(replica, this.promised)
      return 'closed'
    } catch (error) {
      if (codeOf(error) !== 'EIO') throw error
      return 'failed'
    }
  }

  private async use(replica: StoredReplica, promised: Promised): Promise<void> {
    const under: Promise<void>[] = []
    const failures: unknown[] = []
    for (let saves = this.dice.below(30); saves > 0 && failures.length === 0; saves--) {
      const { texts, save } = this.drawSave(replica)
      const done = promised.begin(texts)
      under.push(save().then(done, (error: unknown) => void failures.push(error)))
      if (this.dice.chance(0.5)) await Promise.all(under)
    }
    await Promise.all(under)
    if (this.dice.chance(0.5) || failures.length > 0) await replica.close()
    if (failures.length > 0) throw failures[0]
  }

  private drawSave(replica: StoredReplica): { texts: Holding; save: () => Promise<void> } {
    const { dice } = this
    const kind = dice.below(5)
    if (kind === 0) {
      const id = (): string => dice.bytes(8).toString('hex')
      const history = Array.from({ length: dice.below(HISTORY_MAX + 1) }, id)
      const generations = { current: id(), bitmap: dice.chance(0.5) ? '' : id(), former: '', history }
      const change = { term: dice.below(1000), state: dice.of(['up-to-date', 'inconsistent', 'outdated'] as const), generations }
      const text = JSON.stringify([change.term, change.state, generations])
      return { texts: new Map([['head', text]]), save: () => replica.save(change) }
    }
    if (kind <= 2) {
      const hot = Array.from({ length: dice.chance(0.1) ? 1000 : dice.below(20) }, () => dice.below(1000))
      return { texts: new Map([['hot', hot.join(' ')]]), save: () => replica.saveHot(hot) }
    }
    const pages = new Map<number, Buffer>()
    for (let times = 1 + dice.below(3); times > 0; times--) {
      const page = Buffer.alloc(4096)
      for (let bytes = dice.below(6); bytes > 0; bytes--) page[dice.below(400)] = dice.below(256)
      pages.set(dice.below(PAGES), page)
    }
    const texts = new Map([...pages].map(([number, page]) => [pagePart(number), pageText(page)]))
    return { texts, save: () => replica.savePages(pages) }
  }
}

test(`whatever happens to it, a replica has what it was promised to keep (seeds from ${FIRST_SEED})`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const story = new Story(new Dice(seed))
    story.told.push(`SEED=${seed}`)
    for (let life = 0; life < LIVES; life++) await story.live()
  }
})
