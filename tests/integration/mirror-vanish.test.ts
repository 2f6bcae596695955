import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OtherNbdServer } from '../contracts/other-nbd-server'
import { formatReplicaSource } from '../../lib/wire/replica-source'
import { DiskWriter } from './disk-writer'
import { resyncRules } from './kill-rounds-figures'
import { MirrorPair } from './mirror-pair'

jest.setTimeout(120_000)

const BYTES = 24 * 1024 * 1024

test("seed 71: the primary's replica vanishes under writes: the peer's serves; back again, it gets what it lacks", async () => {
  const pair = new MirrorPair()
  const image = join(pair.folder, 'a.backing')
  writeFileSync(image, Buffer.alloc(BYTES))
  let server = await OtherNbdServer.qemu(pair.folder, image)
  const writers: DiskWriter[] = []
  try {
    const { address } = server.source
    if (!('unix' in address)) throw new Error('it listens on a socket')
    const socket = address.unix
    const place = formatReplicaSource(server.source)
    await pair.startWitness()
    pair.b.start()
    pair.a.start('--replica', place, '--create')
    await pair.untilMirrored(pair.a)
    await pair.a.untilServed()
    const writer = new DiskWriter({ socket: pair.a.socket, exportName: 'orders', offset: 0, length: BYTES, seed: 71 })
    writers.push(writer)
    writer.begin()
    await writer.more(50)
    await server.stop()
    await writer.more(50)
    await pair.a.until('only the peer counts', ({ claim }) => Object.values(claim?.claim.upToDate ?? {}).flat().length === 1)
    server = await OtherNbdServer.qemu(pair.folder, image, `--socket=${socket}`)
    await pair.untilMirrored(pair.a)
    await writer.more(50)
    await writer.stop()
    expect(resyncRules([pair.a])).toEqual({ 'resync-started peer-is-new': 1, 'resync-started i-tracked-peer': 1 })
    await pair.a.kill()
    await pair.b.kill()
    await server.stop()
    writer.check(readFileSync(image))
    writer.check(readFileSync(pair.b.image))
  } finally {
    for (const writer of writers) await writer.close()
    await pair.a.kill()
    await pair.b.kill()
    await server.stop()
    await pair.close()
  }
})
