import { must } from '../../../lib/core/domain/assert'
import { codeOf } from '../../../lib/dom0/system/system-error'
import type { StoredReplica } from '../../../lib/ports/replica-store'
import type { WorkerVolume } from '../../../lib/wire/worker-api'
import { CrashingFiles, NOTHING, TEARS, type Tear } from './crashing-files'
import { GIB, holdingOf, type Holding, IMAGE, openerIn, pagePart, pageText, Promised, volumeOf } from './replica-rig'

jest.setTimeout(60_000)

const PAGES = 3
const METADATA = '/var/disk'
const volumeWith = (sizeBytes: number): WorkerVolume => ({ ...volumeOf(sizeBytes), metadata: METADATA })
const VOLUME = volumeWith(5 * GIB)
const COPIES = [
  ['.meta.json', '.hot', '.map'],
  ['.meta.2.json', '.hot.2', '.map.2'],
].map((names) => names.map((name) => `${METADATA}${name}`))
const GENERATION = 'a0a1a2a3a4a5a6a7'

const FORMAT_1 =
  '{"format":1,"generation":7,"metadata":{"format":1,"volume":"6a0b7e1c-0000-4000-8000-000000000001","replica":"f00d",' +
  '"sizeBytes":5368709120,"term":3,"state":"up-to-date"},' +
  '"sha256":"e01412bad1c9d92acd650bcc996c215560a2f0290af33c95bca404f4d9f4cf1f"}\n'
/** 5 GiB are two whole pages and a half. */
const DIRTY = ['ff'.repeat(4096), 'ff'.repeat(4096), 'ff'.repeat(2048)]

const page = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(bytes), Buffer.alloc(4096 - bytes.length)])

interface Damage {
  readonly name: string
  readonly change: (bytes: Buffer) => Buffer | null
}

function turned(bytes: Buffer): Buffer {
  for (let at = 40; at < bytes.length; at += 64) bytes[at] = (bytes[at] ?? 0) ^ 0x55
  return bytes
}

const DAMAGES: readonly Damage[] = [
  { name: 'gone', change: () => null },
  { name: 'empty', change: () => Buffer.alloc(0) },
  { name: 'cut', change: (bytes) => bytes.subarray(0, bytes.length >> 1) },
  { name: 'zeroes', change: (bytes) => Buffer.alloc(bytes.length) },
  { name: 'turned', change: (bytes) => turned(bytes) },
]

/** Each save once alone, and some at the same time, so that each has been the newest one and the one under way. */
async function script(replica: StoredReplica, promised: Promised): Promise<void> {
  const hot = async (...extents: number[]): Promise<void> => {
    const done = promised.begin(new Map([['hot', extents.join(' ')]]))
    await replica.saveHot(extents)
    done()
  }
  const pages = async (...changes: [number, Buffer][]): Promise<void> => {
    const done = promised.begin(new Map(changes.map(([number, bits]) => [pagePart(number), pageText(bits)])))
    await replica.savePages(new Map(changes))
    done()
  }
  const head = async (term: number, current: string): Promise<void> => {
    const change = { term, state: 'up-to-date', generations: { current, bitmap: '', former: '', history: [] } } as const
    const done = promised.begin(new Map([['head', JSON.stringify([term, change.state, change.generations])]]))
    await replica.save(change)
    done()
  }
  await hot(0)
  await hot(0, 1279)
  await Promise.all([pages([0, page(1)], [2, page(0xff, 1)]), hot(7), head(3, GENERATION)])
  await pages([2, page(0, 3)])
  await Promise.all([hot(1), hot(2), hot(3), pages([0, page()]), pages([1, page(9)], [0, page(4)]), pages([1, page(0, 0, 8)])])
  await hot()
}

interface Moment {
  readonly label: string
  readonly files: CrashingFiles
  readonly promised: Promised
}

/** The disk before each step of what is done, with what was promised until then. */
async function momentsOf(files: CrashingFiles, promised: Promised, act: () => Promise<unknown>): Promise<Moment[]> {
  const moments: Moment[] = []
  files.onStep = (step) => {
    // The disk is as it was at the step before these.
    if (/^(open|read|close) /.test(step)) return
    moments.push({ label: `before step ${moments.length}, ${step},`, files: files.copy(), promised: promised.copy() })
  }
  await act()
  files.onStep = () => undefined
  moments.push({ label: 'at the end', files: files.copy(), promised: promised.copy() })
  return moments
}

const made = async (): Promise<{ files: CrashingFiles; replica: StoredReplica; promised: Promised }> => {
  const files = new CrashingFiles()
  const replica = await openerIn(files)(VOLUME, true)
  return { files, replica, promised: new Promised(whole(holdingOf(replica, PAGES))) }
}

/** Made, and with everything of the script in it. */
const used = async (): Promise<{ files: CrashingFiles; promised: Promised }> => {
  const { files, replica, promised } = await made()
  await script(replica, promised)
  await replica.saveHot([5])
  await replica.close()
  return { files, promised: new Promised(whole(await reopened(files))) }
}

const reopened = async (files: CrashingFiles, volume = VOLUME): Promise<Holding | 'lost'> =>
  holdingOf(await openerIn(files)(volume, false), PAGES)

/** The worker is killed, the next one saves, and the machine stops. */
async function savesAfterKill(files: CrashingFiles, tear: Tear): Promise<void> {
  files.restartProcess()
  const replica = await openerIn(files)(VOLUME, false)
  await replica.save({ term: 9 })
  await replica.saveHot([4])
  await replica.savePages(new Map([[1, page(6)]]))
  await files.stop(tear)
  const found = whole(await reopened(files))
  expect([found.get('hot'), ...dirtyPages(found)]).toEqual(['4', DIRTY[0], '06', DIRTY[2]])
}

const dirtyPages = (holding: Holding | 'lost'): (string | undefined)[] =>
  holding === 'lost' ? ['lost'] : [0, 1, 2].map((number) => holding.get(pagePart(number)))

const damage = (files: CrashingFiles, copy: number | null, { change }: Damage): void => {
  for (const path of copy === null ? [] : must(COPIES[copy], 'a copy')) files.damage(path, change)
}

/** Each moment with each copy whole or damaged. */
function* crashes(moments: readonly Moment[], tear: Tear): Generator<Moment & { readonly other: number; readonly harm: Damage }> {
  for (const [place, moment] of moments.entries()) {
    const harm = must(DAMAGES[place % DAMAGES.length], 'a damage')
    for (const copy of [null, 0, 1]) {
      const files = moment.files.copy()
      files.restart(tear)
      damage(files, copy, harm)
      const label = `${moment.label} ${copy === null ? 'no copy' : `copy ${copy}`} ${harm.name}`
      yield { label, files, promised: moment.promised.copy(), other: copy === 0 ? 1 : 0, harm }
    }
  }
}

const inScript = (async () => {
  const { files, replica, promised } = await made()
  return momentsOf(files, promised, () => script(replica, promised).then(() => replica.close()))
})()

describe.each(TEARS)('a machine stops, with $name of what was under way on the disk', (tear) => {
  test('in a save: what was saved is there, whichever copy is damaged, and then the other', async () => {
    expect((await inScript).length).toBeGreaterThan(80)
    for (const crash of crashes(await inScript, tear)) {
      const found = await reopened(crash.files)
      crash.promised.check(crash.label, found)
      crash.promised.found(whole(found))
      crash.files.restart(NOTHING)
      damage(crash.files, crash.other, crash.harm)
      crash.promised.check(crash.label, await reopened(crash.files))
    }
  })

  test('while a worker follows one that was killed in a save: what it found is there again', async () => {
    const under = (await inScript).filter(({ label }) => /written through|synced \/|renamed/.test(label))
    expect(under.length).toBeGreaterThan(20)
    const some = under.filter((_, place) => place % 3 === TEARS.indexOf(tear) % 3)
    for (const killed of some) {
      const files = killed.files.copy()
      files.restartProcess()
      for (const moment of await momentsOf(files, killed.promised, () => reopened(files))) {
        moment.files.restart(tear)
        moment.promised.check(`${killed.label} ${moment.label}`, await reopened(moment.files))
      }
      const found = new Promised(whole(await reopened(files)))
      files.restart(tear)
      found.check(killed.label, await reopened(files))
    }
  })

  test('while a damaged copy is mended: the whole one is as it was', async () => {
    for (const [place, harm] of DAMAGES.entries()) {
      const copy = (place + TEARS.indexOf(tear)) % 2
      const { files, promised } = await used()
      damage(files, copy, harm)
      for (const moment of await momentsOf(files, promised, () => reopened(files))) {
        moment.files.restart(tear)
        promised.check(moment.label, await reopened(moment.files))
      }
    }
  })

  test('while it grows: nothing is lost, and what is new is clean', async () => {
    const { files, promised } = await used()
    const larger = volumeWith(9 * GIB)
    for (const crash of crashes(await momentsOf(files, promised, () => reopened(files, larger)), tear)) {
      const replica = await openerIn(crash.files)(larger, false)
      const found = whole(holdingOf(replica, 5))
      promised.check(crash.label, found)
      expect([found.get(pagePart(3)), found.get(pagePart(4)), replica.metadata.sizeBytes]).toEqual(['', '', larger.sizeBytes])
    }
  })

  test('while it is made: it is missing, or empty and whole', async () => {
    const files = new CrashingFiles()
    const moments = await momentsOf(files, new Promised(new Map()), () => openerIn(files)(VOLUME, true))
    const empty = new Promised(whole(await reopened(files)))
    for (const crash of crashes(moments, tear)) {
      const found = await reopened(crash.files).catch((error: unknown) => codeOf(error))
      if (typeof found !== 'string') empty.check(crash.label, found)
      else
        expect([crash.label, found]).toEqual([expect.stringContaining('before step'), expect.stringMatching('ENOENT|_DAMAGED')])
    }
  })

  test('while it is made in place of one whose image is gone: the old one does not come back', async () => {
    const { files } = await used()
    files.damage(IMAGE, () => null)
    const empty = new Promised(whole(holdingOf((await made()).replica, PAGES)))
    for (const moment of await momentsOf(files, empty, () => openerIn(files)(VOLUME, true))) {
      moment.files.restart(tear)
      const found = await reopened(moment.files).catch((error: unknown) => codeOf(error))
      if (typeof found !== 'string') empty.check(moment.label, found)
      else expect([moment.label, found]).toEqual([expect.stringContaining('before step'), 'ENOENT'])
    }
  })

  test.each(['the log', 'the bitmap', 'a format without'])(
    'while everything is made dirty, for want of %s: nothing is clean',
    async (lost) => {
      const { files, promised } = await used()
      for (const copy of COPIES) {
        if (lost === 'the log') files.damage(must(copy[1], 'a log'), () => Buffer.from('no log'))
        if (lost === 'the bitmap') files.damage(must(copy[2], 'a bitmap'), (bytes) => bytes.fill(0, 16384, 32768))
        if (lost === 'a format without') files.put(must(copy[0], 'a head'), Buffer.from(FORMAT_1))
      }
      expect(await reopened(files.copy())).toBe('lost')
      for (const moment of await momentsOf(files, promised, () => reopened(files))) {
        await savesAfterKill(moment.files.copy(), tear)
        moment.files.restart(tear)
        const found = await reopened(moment.files)
        if (found !== 'lost') expect([moment.label, ...dirtyPages(found)]).toEqual([moment.label, ...DIRTY])
        if (moment.label === 'at the end') expect(found === 'lost').toBe(lost === 'a format without')
      }
      await (await openerIn(files)(VOLUME, false)).save({ term: 9 })
      await files.stop(tear)
      expect(dirtyPages(await reopened(files))).toEqual(DIRTY)
    },
  )
})

function whole(holding: Holding | 'lost'): Holding {
  if (holding === 'lost') throw new Error('lost')
  return holding
}
