import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveApi } from '../../lib/dom0/api/api-server'
import { bindSocket } from '../../lib/dom0/socket/bound-socket'
import { HeldSocket, heldName } from '../../lib/dom0/socket/held-socket'
import { createNbdExport } from '../../lib/dom0/nbd/nbd-export'
import { createNbdFront } from '../../lib/dom0/front/nbd-front'
import { DAEMON_ASKS } from '../../lib/wire/ask-shapes'
import { daemonHandlers } from '../unit/dom0/small-daemon'
import { MemoryDisk } from './memory-disk'
import { QuietLog } from './quiet-log'

const MIB = 1024 * 1024
const log = new QuietLog()

interface Serving {
  close(): Promise<void>
}

let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-place-'))
  path = join(folder, 'disk.sock')
})
afterEach(() => rmSync(folder, { recursive: true }))

const SERVERS: readonly [what: string, serve: () => Promise<Serving>][] = [
  [
    'an export',
    () =>
      createNbdExport({
        listen: { unix: path },
        ...{ exportName: 'disk', sizeBytes: MIB, handler: new MemoryDisk(MIB).handler, log },
      }),
  ],
  ['a front', () => createNbdFront({ listen: path, to: join(folder, 'worker.sock'), exportName: 'disk', log })],
  ['a control socket', () => serveApi({ socketPath: path, shapes: DAEMON_ASKS, handlers: daemonHandlers(), log })],
  ['a held socket', held],
]

async function held(): Promise<Serving> {
  const bound = await bindSocket(path)
  if (bound === null) throw new Error('the path is short enough')
  try {
    const socket = new HeldSocket(bound.fd, path)
    await socket.open(
      (client) => client.destroy(),
      () => undefined,
    )
    return { close: () => socket.shut() }
  } finally {
    bound.release()
    unlinkSync(heldName(path))
  }
}

const OCCUPANTS: readonly [what: string, make: () => void][] = [
  ['a file', () => writeFileSync(path, 'precious')],
  ['an empty file', () => writeFileSync(path, '')],
  ['a folder', () => mkdirSync(path)],
  [
    'a link to a file',
    () => {
      writeFileSync(join(folder, 'precious'), 'precious')
      symlinkSync(join(folder, 'precious'), path)
    },
  ],
  ['a link that leads nowhere', () => symlinkSync(join(folder, 'nowhere'), path)],
]

/** Everything that is there, with what would tell that it was replaced. */
const listing = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { ino, size, mode, mtimeMs } = lstatSync(join(folder, name))
      return `${name} ${ino} ${size} ${mode} ${mtimeMs}`
    })

describe.each(SERVERS)('%s', (_, serve) => {
  test.each(OCCUPANTS)('does not take the place of %s', async (_what, make) => {
    make()
    const before = listing()
    await expect(serve()).rejects.toMatchObject({ code: 'EEXIST' })
    expect(listing()).toEqual(before)
  })
})

test('a front does not take away, at its end, what came into its place', async () => {
  const front = await createNbdFront({ listen: path, to: join(folder, 'worker.sock'), exportName: 'disk', log })
  unlinkSync(path)
  writeFileSync(path, 'precious')
  const before = listing()
  await front.close()
  expect(listing()).toEqual(before)
})

test("a name beside the disk that is somebody else's is left alone, too", async () => {
  writeFileSync(heldName(path), 'precious')
  writeFileSync(`${path}.new`, 'precious')
  const before = listing()
  await expect(bindSocket(path)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(createNbdFront({ listen: path, to: join(folder, 'worker.sock'), exportName: 'disk', log })).rejects.toMatchObject({
    code: 'EEXIST',
  })
  expect(listing()).toEqual(before)
})
