import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Qmp, QmpError } from '../../../../lib/lab/guest/machine/qmp'

const folder = mkdtempSync(join(tmpdir(), 'qmp-'))
const servers: Server[] = []
afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

/** A monitor that says what `speak` says to each command's id, in whatever pieces. */
async function monitor(
  speak: (socket: Socket, command: string, id: number) => void,
  greeting = '{"QMP": {}}\r\n',
): Promise<string> {
  const path = join(folder, String(servers.length))
  const server = createServer((socket) => {
    socket.write(greeting)
    socket.on('data', (data) => {
      for (const line of data.toString().trim().split('\n')) {
        const { execute, id } = JSON.parse(line) as { execute: string; id: number }
        if (execute === 'qmp_capabilities') socket.write(`{"return": {}, "id": ${id}}\r\n`)
        else speak(socket, execute, id)
      }
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

test('answers find their command though they come in pieces and among events', async () => {
  const path = await monitor((socket, command, id) => {
    const text = `{"event": "STOP", "timestamp": {}}\r\n{"return": {"was": "${command}"}, "id": ${id}}\r\n`
    for (const letter of text) socket.write(letter)
  })
  const qmp = await Qmp.open(path)
  const stopped = qmp.event(({ event }) => event === 'STOP', 10_000)
  expect(await Promise.all([qmp.execute('stop'), qmp.execute('query-status')])).toEqual([
    { was: 'stop' },
    { was: 'query-status' },
  ])
  expect(await stopped).toEqual({ event: 'STOP', data: {} })
  qmp.close()
  await qmp.closed
})

test('a refused command says why', async () => {
  const path = await monitor((socket, _, id) =>
    socket.write(`{"error": {"class": "GenericError", "desc": "no such"}, "id": ${id}}\r\n`),
  )
  const qmp = await Qmp.open(path)
  await expect(qmp.execute('device_del')).rejects.toThrow(new QmpError('no such'))
  qmp.close()
})

test('a machine that goes away fails every command under way and every event waited for', async () => {
  const path = await monitor((socket) => socket.destroy())
  const qmp = await Qmp.open(path)
  const event = qmp.event(() => true, 10_000)
  const results = await Promise.allSettled([qmp.execute('quit'), qmp.execute('stop'), event])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await qmp.closed
})

test('a monitor that is busy with another client is not waited for longer than said', async () => {
  const path = await monitor(() => undefined, '')
  await expect(Qmp.open(path, 50)).rejects.toThrow(/no greeting/)
})
