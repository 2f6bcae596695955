import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LoopDevice, NO_LOOPS } from '../contracts/loop-device'
import { OtherNbdServer } from '../contracts/other-nbd-server'
import { formatReplicaSource } from '../../lib/wire/replica-source'
import { DiskWriter } from './disk-writer'
import { MirrorPair } from './mirror-pair'

jest.setTimeout(120_000)

const BYTES = 24 * 1024 * 1024
const onLoops = NO_LOOPS === '' ? test : test.skip

onLoops(
  `seed 67: a block device here, another NBD server there; skipped where ${NO_LOOPS || 'there are no loop devices'}`,
  async () => {
    const pair = new MirrorPair()
    const at = (name: string): string => join(pair.folder, name)
    const device = LoopDevice.empty(at('a.backing'), BYTES)
    writeFileSync(at('b.backing'), Buffer.alloc(BYTES, 0xee))
    const server = await OtherNbdServer.qemu(pair.folder, at('b.backing'))
    const writers: DiskWriter[] = []
    try {
      await pair.startWitness()
      const other = ['--replica', formatReplicaSource(server.source)]
      expect(await pair.b.pairRun(['serve', ...pair.b.arguments(...other)])).toMatchObject({
        status: 2,
        err: expect.stringContaining('is no replica of a mirror yet') as string,
      })
      pair.b.start(...other, '--overwrite')
      pair.a.start('--replica', `dev:${device.path}`, '--create')
      await pair.untilMirrored(pair.a)
      await pair.a.untilServed()
      const writer = new DiskWriter({ socket: pair.a.socket, exportName: 'orders', offset: 0, length: BYTES, seed: 67 })
      writers.push(writer)
      writer.begin()
      await writer.more(50)
      await pair.a.killWorker()
      await writer.more(50)
      await pair.b.killWorker()
      await writer.more(50)
      await pair.untilMirrored(pair.a)
      await writer.stop()
      await pair.a.kill()
      await pair.b.kill()
      execFileSync('blockdev', ['--flushbufs', device.path])
      writer.check(readFileSync(device.path))
      writer.check(readFileSync(at('b.backing')))
    } finally {
      for (const writer of writers) await writer.close()
      await pair.a.kill()
      await pair.b.kill()
      device.detach()
      await server.stop()
      await pair.close()
    }
  },
)
