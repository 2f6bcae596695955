import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Qmp, QmpRefused } from '../../lib/dom0/qemu/qmp'

const LIMIT_MS = 20_000
const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n'

interface Asked {
  readonly execute: string
  readonly id: number
}

describe('a client of a monitor', () => {
  let folder = ''
  let server: Server
  let qmp: Qmp | null = null
  const sockets: Socket[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-qmp-'))
  })
  afterEach(async () => {
    qmp?.close()
    qmp = null
    for (const socket of sockets.splice(0)) socket.destroy()
    await new Promise((closed) => server.close(closed))
    rmSync(folder, { recursive: true })
  })

  const path = (): string => join(folder, 'qmp')
  const listen = (greeting: string, answer: (asked: Asked, say: (text: string) => void) => void): Promise<void> => {
    server = createServer((socket) => {
      sockets.push(socket)
      let rest = ''
      socket.on('error', () => socket.destroy())
      socket.write(greeting)
      socket.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) answer(JSON.parse(line) as Asked, (said) => void socket.write(said))
      })
    })
    return new Promise((resolve) => server.listen(path(), resolve))
  }
  const open = async (limitMs = LIMIT_MS): Promise<Qmp> => (qmp = await Qmp.open(path(), limitMs))
  const agrees = ({ id }: Asked): string => `{"return": {}, "id": ${id}}\r\n`

  test('answers find who asked, in whatever order and pieces they come, and events everybody', async () => {
    const held: number[] = []
    await listen(GREETING, (asked, say) => {
      if (asked.execute === 'qmp_capabilities') {
        say(agrees(asked))
        return
      }
      held.push(asked.id)
      if (held.length < 3) return
      const [one = 0, two = 0, three = 0] = held
      const text = `{"event": "STOP"}\r\n{"return": "c", "id": ${three}}\r\n{"id": ${one}, "error": {"desc": "no"}}\r\n{"return": "ü", "id": ${two}}\r\n`
      for (const byte of Buffer.from(text)) sockets[0]?.write(Buffer.from([byte]))
    })
    const client = await open()
    const events: string[] = []
    const forgotten: string[] = []
    client.onEvent(({ name }) => events.push(name))
    client.onEvent(({ name }) => forgotten.push(name))()
    const [one, two, three] = await Promise.allSettled(['a', 'b', 'c'].map((each) => client.execute(each, {}, LIMIT_MS)))
    expect(one).toMatchObject({ status: 'rejected', reason: new QmpRefused('no') })
    expect([two, three]).toMatchObject([{ value: 'ü' }, { value: 'c' }])
    expect([events, forgotten]).toEqual([['STOP'], []])
  })

  test.each([
    ['what is no QMP', 'hello\r\n', 'EPROTO'],
    ['an answer to nothing', '{"return": {}, "id": 99}\r\n', 'EPROTO'],
    ['a line without an end', 'x'.repeat(5 * 1024 * 1024), 'EPROTO'],
  ])('%s ends the connection, and all that wait hear why', async (_what, said, code) => {
    await listen(GREETING, (asked, say) => say(asked.execute === 'b' ? said : asked.execute === 'a' ? '' : agrees(asked)))
    const client = await open()
    const [one, two] = await Promise.allSettled(['a', 'b'].map((each) => client.execute(each, {}, LIMIT_MS)))
    expect([one, two]).toMatchObject([{ reason: { code } }, { reason: { code } }])
    await expect(client.execute('c', {}, LIMIT_MS)).rejects.toMatchObject({ code })
  })

  test('one that ends says so; a silent one is left after the limit', async () => {
    await listen(GREETING, (asked, say) => {
      if (asked.execute === 'quit') sockets.at(-1)?.end()
      else if (asked.execute !== 'silence') say(agrees(asked))
    })
    const client = await open()
    await expect(client.execute('quit', {}, LIMIT_MS)).rejects.toMatchObject({ code: 'ECONNRESET' })
    const other = await open()
    await expect(other.execute('silence', {}, 20)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    const third = await open()
    const waits = third.execute('silence', {}, LIMIT_MS)
    third.close()
    await expect(waits).rejects.toMatchObject({ code: 'ECONNABORTED' })
  })

  test('nobody there, and one that does not greet', async () => {
    await listen('', () => undefined)
    await expect(Qmp.open(join(folder, 'none'), LIMIT_MS)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(open(20)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  })
})
