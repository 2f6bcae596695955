import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNbdExport } from '../../lib/dom0/nbd/nbd-export'
import { frontProcesses } from '../../lib/dom0/front/nbd-front-processes'
import type { Log } from '../../lib/ports/log'
import { FrontBench } from './front-bench'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { TapdiskClient } from './tapdisk-client'

jest.setTimeout(60_000)
const MIB = 1024 * 1024

let bench: FrontBench
beforeEach(() => {
  bench = new FrontBench()
})
afterEach(() => bench.close())

describe('the executable', () => {
  test('says how it is used, and what it cannot do', async () => {
    const help = bench.launch('--help')
    expect([await help.ended, help.log()]).toEqual([0, expect.stringMatching(/^usage: holdfast-front --listen PATH/)])
    const wrong = bench.launch('--listen', bench.socket, '--to', bench.workerSocket)
    expect([await wrong.ended, wrong.log()]).toEqual([64, expect.stringMatching(/^holdfast-front: --export is missing\nusage: /)])
    const unknown = bench.launch('--frobnicate')
    expect([await unknown.ended, unknown.log()]).toEqual([64, expect.stringContaining("Unknown option '--frobnicate'")])
    const nowhere = bench.launch('--listen', '/nonexistent/a.sock', '--to', bench.workerSocket, '--export', 'disk')
    expect([await nowhere.ended, nowhere.log()]).toEqual([69, expect.stringMatching(/cannot listen .*ENOENT/)])
    for (const listen of ['', 'a.sock']) {
      const relative = bench.launch('--listen', listen, '--to', bench.workerSocket, '--export', 'disk')
      expect([await relative.ended, relative.log()]).toEqual([
        64,
        expect.stringContaining(`--listen must be an absolute path: "${listen}"`),
      ])
    }
    const occupied = join(bench.folder, 'occupied')
    writeFileSync(occupied, 'precious')
    const taken = bench.launch('--listen', occupied, '--to', bench.workerSocket, '--export', 'disk')
    expect([await taken.ended, taken.log()]).toEqual([
      69,
      expect.stringMatching(/cannot listen .*occupied exists and is no socket/),
    ])
    expect(readFileSync(occupied, 'utf8')).toBe('precious')
    const long = bench.launch('--listen', `${bench.folder}/${'x'.repeat(103)}`, '--to', bench.workerSocket, '--export', 'disk')
    expect([await long.ended, long.log()]).toEqual([
      69,
      expect.stringMatching(/socket path too long, it may have 103 bytes: .*x"/),
    ])
  })

  test('ends by itself when its name is gone and the last client has left', async () => {
    const first = await bench.start()
    const worker = await createNbdExport({
      listen: { unix: bench.workerSocket },
      ...{ exportName: 'disk', sizeBytes: MIB, handler: new MemoryDisk(MIB).handler, log: new QuietLog() },
    })
    try {
      const { client } = await TapdiskClient.open(bench.socket)
      const second = await bench.start()
      // The first one has lost its name, and keeps its client.
      const { client: other } = await TapdiskClient.open(bench.socket)
      for (const each of [client, other]) {
        each.send(0, 0, 512)
        expect((await each.reply(512)).error).toBe(0)
      }
      client.send(2, 0, 0)
      expect(await first.ended).toBe(0)
      expect(existsSync(bench.socket)).toBe(true)
      other.send(0, 0, 512)
      expect((await other.reply(512)).error).toBe(0)
      expect(await second.kill('SIGTERM')).toBe(0)
      await expect(other.take(1)).rejects.toThrow('closed')
      expect(existsSync(bench.socket)).toBe(false)
    } finally {
      await worker.close()
    }
  })
})

/** Keeps what was told at info. */
class TellingLog implements Log {
  readonly told: string[] = []
  info(text: string): void {
    this.told.push(text)
  }
  debug(): void {
    // Not looked at.
  }
  warn(): void {
    // Not looked at.
  }
  error(): void {
    // Not looked at.
  }
}

describe('fronts that the daemon starts', () => {
  test('one for each client of a volume; a later client, or the release, ends those before', async () => {
    const folder = join(bench.folder, 'fronts')
    const log = new TellingLog()
    const fronts = frontProcesses({ folder, executable: bench.executable, log })
    const to = { socket: bench.workerSocket, exportName: 'disk' }
    const worker = await createNbdExport({
      listen: { unix: bench.workerSocket },
      ...{ exportName: 'disk', sizeBytes: MIB, handler: new MemoryDisk(MIB).handler, log },
    })
    const asks = async (client: TapdiskClient): Promise<number> => {
      client.send(0, 0, 512)
      return (await client.reply(512)).error
    }
    try {
      const first = await fronts.serve({ volume: 'v1', domain: '7' }, to)
      expect(await fronts.serve({ volume: 'v1', domain: '7' }, to)).toBe(first)
      const neighbour = await fronts.serve({ volume: 'v2', domain: '7' }, to)
      const { client } = await TapdiskClient.open(first)
      expect(await asks(client)).toBe(0)
      const second = await fronts.serve({ volume: 'v1', domain: '8' }, to)
      expect([existsSync(first), second === first]).toEqual([false, false])
      const { client: later } = await TapdiskClient.open(second)
      expect([await asks(client), await asks(later)]).toEqual([0, 0])
      fronts.release('v1')
      fronts.release('v2')
      expect([second, neighbour].map((path) => existsSync(path))).toEqual([false, false])
      for (const each of [client, later]) each.send(2, 0, 0)
      const ended = (): number => log.told.filter((text) => text === 'front ended').length
      await until(() => ended() === 3, ended)
    } finally {
      fronts.release('v1')
      fronts.release('v2')
      await worker.close()
    }
  })

  test('that cannot start is told', async () => {
    const log = new QuietLog()
    const absent = frontProcesses({ folder: join(bench.folder, 'fronts'), executable: '/nonexistent/front', log })
    const to = { socket: bench.workerSocket, exportName: 'disk' }
    await expect(absent.serve({ volume: 'v1', domain: '7' }, to)).rejects.toMatchObject({ code: 'EFRONT' })
    const wrong = frontProcesses({ folder: join(bench.folder, 'fronts'), executable: bench.executable, log })
    const long = { socket: `/${'x'.repeat(120)}`, exportName: 'disk' }
    await expect(wrong.serve({ volume: 'v1', domain: '7' }, long)).rejects.toThrow('the front ended at once: status 69')
  })
})
