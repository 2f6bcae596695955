import { existsSync } from 'node:fs'
import { MirrorPair } from './mirror-pair'
import { run } from './run-client'

jest.setTimeout(120_000)

let pair: MirrorPair
afterEach(() => pair.close())

test('a client that cannot reconnect, behind a front, does not see that workers are killed', async () => {
  pair = new MirrorPair()
  pair.build('holdfast-front', 'nbd-front.ts')
  await pair.begin('--front')
  await pair.a.untilServed()
  const uri = `nbd+unix:///orders?socket=${pair.a.socket}`
  const job = [
    '--ioengine=nbd',
    `--uri=${uri}`,
    '--rw=randwrite',
    '--bs=4k',
    '--iodepth=8',
    '--size=24m',
    '--verify=crc32c',
    '--verify_state_save=0',
  ]
  const working = run('fio', '--name=orders', ...job, '--randseed=66', '--do_verify=1', '--end_fsync=1', '--rate_iops=2000')
  const seen = { over: false, killsMeanwhile: 0 }
  void working.then(() => (seen.over = true))
  for (let kill = 0; kill < 4; kill += 1) {
    await pair.a.until('it serves', ({ guestActive }) => guestActive)
    await pair.a.killWorker()
    if (!seen.over) seen.killsMeanwhile += 1
  }
  expect(await working).toMatchObject({ status: 0, output: expect.stringContaining('err= 0') as string })
  expect(seen.killsMeanwhile).toBeGreaterThan(0)
  await pair.untilMirrored(pair.a)
  pair.expectSameBytes()
  await pair.a.kill()
  expect(await pair.b.run('take-over')).toMatchObject({ status: 0 })
  await pair.b.untilServed()
  pair.a.start('--front')
  await pair.a.until('the old primary is secondary', ({ role, claim }) => role === 'secondary' && claim?.claim.term === 2)
  expect(existsSync(pair.a.socket)).toBe(false)
})
