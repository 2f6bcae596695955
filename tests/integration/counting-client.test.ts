/** The client that proves lockstep, with a guest that nobody protects: what it calls kept, and what it does not let pass. */
import type { ChildProcess } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { CountingLine } from '../../lib/lab/client/counting'
import { GUEST_MEMORY_BYTES, GUEST_READY, guestArguments } from '../../lib/lab/guest/boot'
import { ensureGuestImage } from '../../lib/lab/guest/image/image'
import { exited, GuestRig, until, type Agent } from './guest-rig'

jest.setTimeout(180_000)

const VM = '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c02'
const ADDRESS = '10.77.3.10'

let rig: GuestRig
let agent: Agent
let domid = 0

beforeAll(async () => {
  const { kernel, ramdisk } = await ensureGuestImage()
  rig = new GuestRig()
  await rig.open()
  writeFileSync(rig.path('disk'), '')
  truncateSync(rig.path('disk'), 128 << 20)
  agent = rig.agent()
  await agent.call('watch')
  domid = await agent.call('create', {
    ...{ vmUuid: VM, name: 'orders', memoryBytes: GUEST_MEMORY_BYTES, vcpus: 1, kernel, ramdisk },
    args: guestArguments(`${ADDRESS}/24`),
    disks: [{ userdevice: '0', source: { kind: 'file', path: rig.path('disk') }, readOnly: false }],
    nics: [{ device: '0', mac: '52:54:00:0a:0b:0d', bridge: 'br0' }],
  })
  await agent.call('unpause', domid)
  await until('the guest answers', async () => (await agent.call('consoleText', domid)).includes(GUEST_READY))
})
afterAll(() => rig.close())

class Counting {
  readonly lines: CountingLine[] = []
  private readonly child: ChildProcess

  constructor(journal: string) {
    this.child = rig.spawn(
      ...[process.execPath, rig.path('client.js'), 'count', '--host', ADDRESS, '--pace', '2', '--journal', rig.path(journal)],
    )
    if (this.child.stdout === null) throw new Error('no standard output')
    createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as CountingLine))
  }

  tell(what: string): void {
    this.child.stdin?.write(`${what}\n`)
  }

  until(what: string, holds: (line: CountingLine) => boolean): Promise<void> {
    return until(what, () => this.lines.some(holds))
  }

  ended = (): Promise<number | null> => exited(this.child)
}

test('all is read back over the same connections, from memory and from the disk, while the guest goes on', async () => {
  const counting = new Counting('kept')
  await counting.until('it counts', ({ verdict }) => verdict.counted > 50 && verdict.written > 5)
  counting.tell('verify')
  await counting.until('it was read back', ({ said }) => said === 'verified')
  const { counted } = counting.lines.at(-1)?.verdict ?? { counted: 0 }
  await counting.until('it counts on', ({ verdict }) => verdict.counted > counted)
  counting.tell('end')
  expect(await counting.ended()).toBe(0)
  expect(counting.lines.at(-1)).toMatchObject({ said: 'end', verdict: { broken: [] } })
})

test('another client that counts, a value that changes and a record that is damaged are told', async () => {
  const counting = new Counting('tampered')
  await counting.until('records are written', ({ verdict }) => verdict.written > 5)
  const meddle = `const s = require('net').connect(6379, '${ADDRESS}', () => s.end('SET text:1 x\\r\\nINCR count\\r\\n'))
    s.resume()`
  await rig.output(process.execPath, '-e', meddle)
  await rig.type(domid, 'echo x | dd of=/data/records/2 bs=1 seek=70 conv=notrunc,fsync; echo dam""aged')
  await until('it is damaged', async () => (await agent.call('consoleText', domid)).includes('damaged'))
  counting.tell('end')
  expect(await counting.ended()).toBe(1)
  const { broken } = counting.lines.at(-1)?.verdict ?? { broken: [] }
  expect(broken).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^INCR number \d+ was answered with \d+$/),
      expect.stringMatching(/^text:1 was acknowledged as "1:\w+ and holds "x"$/),
      expect.stringMatching(/^the guest's disk does not hold record 2-/),
    ]),
  )
})

test('the end of the guest is the end of the connections, and is told at once', async () => {
  const counting = new Counting('broken')
  await counting.until('it counts', ({ verdict }) => verdict.counted > 0)
  await agent.call('shutdown', domid, 60_000)
  expect(await counting.ended()).toBe(1)
  expect(counting.lines.at(-1)?.said).toBe('broken')
  expect(counting.lines.at(-1)?.verdict.broken).toContainEqual(expect.stringContaining('connection'))
})
