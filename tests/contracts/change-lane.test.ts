import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must } from '../../lib/core/domain/assert'
import { openBlockFile } from '../../lib/dom0/block/block-file'
import { ChangeLane } from '../../lib/dom0/block/change-lane'
import { loadNativeIo, type NativeIo } from '../../lib/dom0/block/native-io'
import { ADDONS, built, NO_NATIVE } from './native-addon'

const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon(`a lane of changes ${NO_NATIVE}`, () => {
  let folder = ''
  let native: NativeIo
  beforeAll(() => void (native = built(loadNativeIo)))
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-lane-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('more changes at once than a lane has room for are all made', async () => {
    const count = 3000
    const path = join(folder, 'disk')
    const device = await openBlockFile({ path, sizeBytes: count * 4, create: true, native })
    const data = Buffer.alloc(count * 4)
    for (let at = 0; at < count; at++) data.writeUInt32LE(at + 1, at * 4)
    await Promise.all(Array.from({ length: count }, (_, at) => device.write(at * 4, data.subarray(at * 4, at * 4 + 4))))
    expect(readFileSync(path).equals(data)).toBe(true)
    await device.close()
  })

  test("a failure keeps the system's name, and what follows is not disturbed", async () => {
    const fd = openSync('/dev/full', 'r+')
    const lane = new ChangeLane(native, fd)
    const writes = [lane.write(0, Buffer.alloc(512)), lane.zero(0, 512, true), lane.write(0, Buffer.alloc(0))]
    const [full, zeroed, nothing] = await Promise.allSettled(writes.filter((write) => write !== null))
    expect(full).toMatchObject({ status: 'rejected', reason: { code: 'ENOSPC' } })
    expect(zeroed).toMatchObject({ status: 'rejected', reason: { code: 'ENODEV' } })
    expect(nothing).toMatchObject({ status: 'fulfilled' })
    await lane.close()
    closeSync(fd)
  })

  test('flushes: done, all of them; each that fails says so, and the next is tried anew', async () => {
    const path = join(folder, 'disk')
    const device = await openBlockFile({ path, sizeBytes: 1 << 20, create: true, native })
    await Promise.all(Array.from({ length: 3000 }, () => device.flush()))
    await device.close()

    const { fd: pipe, close } = onePipe()
    const lane = new ChangeLane(native, pipe)
    const flushes = await Promise.allSettled([lane.flush(), lane.flush(), lane.write(0, Buffer.alloc(1)), lane.flush()])
    const codes = flushes.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : 'done'))
    expect(codes).toEqual(['EINVAL', 'EINVAL', 'ESPIPE', 'EINVAL'])
    await lane.close()
    close()
  })

  test('changes that may wait are told nevertheless, each once, whether they are collected or not', async () => {
    const path = join(folder, 'disk')
    const fd = openSync(path, 'w+')
    const lane = new ChangeLane(native, fd)
    const under: Promise<void>[] = []
    const data = Buffer.alloc(4096, 1)
    for (let step = 0; step < 2000; step++) {
      const mayWait = step % 7 < 5
      under.push(must(step % 11 === 0 ? lane.flush(mayWait) : lane.write(4096 * step, data, mayWait), 'the lane has room'))
      if (step % 5 === 0) lane.collect(step % 2 === 0)
      if (step % 13 === 0) await under.at(-1)
    }
    const told = await Promise.all(under)
    expect(told).toHaveLength(2000)
    await lane.write(0, data, true)
    await lane.close()
    closeSync(fd)
  })

  test('flushes that wait together are one for the system', () => {
    const script = `
      const holder = { exports: {} }
      process.dlopen(holder, ${JSON.stringify(join(ADDONS, 'holdfast-io.node'))})
      const native = holder.exports
      let collected = 0
      const lane = native.openLane(require('node:fs').openSync(${JSON.stringify(join(folder, 'x'))}, 'w'), () => {
        collected += native.collect(lane, new Int32Array(1000), false)
        if (collected === 100) console.log('collected')
      })
      for (let slot = 0; slot < 100; slot++) native.flush(lane, slot, false)
      native.wake(lane)`
    const counted = join(folder, 'calls')
    const strace = ['-f', '-qq', '-e', 'trace=fdatasync', '-o', counted, process.execPath, '-e', script]
    const { status, stdout } = spawnSync('strace', strace, { encoding: 'utf8', timeout: 60_000 })
    expect([status, stdout]).toEqual([0, 'collected\n'])
    // A thread that has only just begun may take the first of them by themselves.
    expect([1, 2]).toContain(readFileSync(counted, 'utf8').match(/fdatasync\(/g)?.length)
  })

  test('where the file system cannot zero a range, zeroes are written', async () => {
    const shared = mkdtempSync('/dev/shm/holdfast-lane-')
    const path = join(shared, 'disk')
    const fd = openSync(path, 'w+')
    const lane = new ChangeLane(native, fd)
    await expect(lane.zero(0, 4096, false)).rejects.toMatchObject({ code: 'ENOTSUP' })
    await lane.close()
    closeSync(fd)
    const device = await openBlockFile({ path, sizeBytes: 8192, create: true, native })
    await device.write(0, Buffer.alloc(8192, 7))
    await device.zero(0, 4096, false)
    await device.close()
    expect(readFileSync(path)).toEqual(Buffer.concat([Buffer.alloc(4096), Buffer.alloc(4096, 7)]))
    rmSync(shared, { recursive: true })
  })

  test('a device is closed after what was asked of it before', async () => {
    const path = join(folder, 'disk')
    const device = await openBlockFile({ path, sizeBytes: 64 << 20, create: true, native })
    const ended: string[] = []
    const writes = Array.from({ length: 64 }, (_, at) =>
      device.write(at << 20, Buffer.alloc(1 << 20, at + 1)).then(() => ended.push('write')),
    )
    await device.close().then(() => ended.push('close'))
    await Promise.all(writes)
    expect([ended.length, ended.at(-1)]).toEqual([65, 'close'])
    expect(readFileSync(path).every((byte, at) => byte === (at >> 20) + 1)).toBe(true)
  })

  test.each([
    ['that nobody closed', ''],
    ['with a change that may wait', 'native.write(lane, 0, 0, Buffer.alloc(4096), true); native.wake(lane)'],
    ['with a change under way', 'native.write(lane, 0, 0, Buffer.alloc(1 << 20), false); native.wake(lane)'],
  ])('a process ends with a lane %s', (_name, act) => {
    const script = `
      const holder = { exports: {} }
      process.dlopen(holder, ${JSON.stringify(join(ADDONS, 'holdfast-io.node'))})
      const native = holder.exports
      const lane = native.openLane(require('node:fs').openSync(${JSON.stringify(join(folder, 'x'))}, 'w'), () => {
        native.collect(lane, new Int32Array(8), false)
        console.log('collected')
      })
      ${act}`
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 })
    expect([status, stderr, stdout]).toEqual([0, '', act === '' ? '' : 'collected\n'])
  })

  test.each([
    'native.openLane("3", () => {})',
    'native.openLane()',
    'native.write({}, 0, 0, Buffer.alloc(1), false)',
    'native.write(lane, 0, 0, "text", false)',
    'native.write(lane, 0, 0, Buffer.alloc(1), 1)',
    'native.zero(lane, 0, 0)',
    'native.flush(lane)',
    'native.flush(lane, 0)',
    'native.collect(lane, new Uint8Array(8), false)',
    'native.collect(lane, new Int32Array(8))',
    'native.readNow(0, 0, 0)',
    'native.sendNow(0, Buffer.alloc(1))',
    'native.sendNow(0, ["text"])',
    'native.wake(null)',
    'native.closeLane(undefined)',
  ])('what does not fit is thrown back: %s', (call) => {
    const script = `
      const holder = { exports: {} }
      process.dlopen(holder, ${JSON.stringify(join(ADDONS, 'holdfast-io.node'))})
      const native = holder.exports
      const lane = native.openLane(2, () => {})
      try { ${call} } catch (error) { console.log(error.message) }`
    const { status, stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 })
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`^${/native\.(\w+)/.exec(call)?.[1] ?? ''}\\(`))
  })
})

/** The end of a pipe that is written to. */
function onePipe(): { fd: number; close: () => void } {
  const path = join(mkdtempSync(join(tmpdir(), 'holdfast-pipe-')), 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, 'r+')
  return {
    fd,
    close: () => {
      closeSync(fd)
      rmSync(dirname(path), { recursive: true })
    },
  }
}
