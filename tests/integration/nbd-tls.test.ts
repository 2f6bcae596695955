import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport } from '../../lib/dom0/nbd/nbd-export'
import type { NbdTls } from '../../lib/dom0/nbd/nbd-tls'
import { Authority } from './certificates'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { run } from './run-client'

jest.setTimeout(120_000)
const MIB = 1024 * 1024
const START_TLS = Buffer.from('0000000349484156454f50540000000500000000', 'hex')
const GO = Buffer.from('49484156454f505400000007000000060000000000000000', 'hex').subarray(0, 22)

describe('an export on TCP', () => {
  let folder = ''
  let log = new QuietLog()
  let served: NbdExport | null = null
  let x509: NbdTls
  let serverFolder = ''
  let clientFolder = ''
  let trustFolder = ''
  let strangerFolder = ''
  const disk = new MemoryDisk(32 * MIB)
  const pem = (...path: string[]): string => readFileSync(join(...path), 'utf8')

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-tls-'))
    const ours = new Authority(join(folder, 'ours'))
    const others = new Authority(join(folder, 'others'))
    ;[serverFolder, clientFolder, trustFolder] = [ours.server(), ours.client(), ours.trust()]
    // Its certificate is of another authority, but it trusts ours.
    strangerFolder = others.client()
    writeFileSync(join(strangerFolder, 'ca-cert.pem'), pem(serverFolder, 'ca-cert.pem'))
    x509 = {
      cert: pem(serverFolder, 'server-cert.pem'),
      key: pem(serverFolder, 'server-key.pem'),
      clientCa: pem(serverFolder, 'ca-cert.pem'),
    }
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeEach(() => {
    log = new QuietLog()
    disk.asked.length = 0
  })
  afterEach(async () => {
    await served?.close()
    served = null
  })

  const serve = async (tls?: NbdTls, host = '127.0.0.1', handshakeMs = 10_000): Promise<string> => {
    served = await createNbdExport({
      listen: { tcp: { host, port: 0, ...(tls === undefined ? {} : { tls }) } },
      exportName: 'disk-0',
      sizeBytes: disk.sizeBytes,
      handler: disk.handler,
      log,
      handshakeMs,
    })
    return served.uri
  }
  const portOf = (uri: string): number => Number(new URL(uri).port)
  const withCertificates = (uri: string, certificates: string): string => `${uri}?tls-certificates=${certificates}`
  const qemuNbd = (uri: string): string =>
    `driver=raw,file.driver=nbd,file.server.type=inet,file.server.host=127.0.0.1,file.server.port=${portOf(uri)},file.export=disk-0,file.tls-creds=t`

  test('nbdinfo sees all of it, with a certificate of ours', async () => {
    const uri = await serve(x509)
    expect(uri).toMatch(/^nbds:\/\/127\.0\.0\.1:\d+\/disk-0$/)
    const { status, output } = await run('nbdinfo', withCertificates(uri, clientFolder))
    expect(output).toContain('newstyle-fixed with TLS, using structured packets')
    expect(output).toContain('base:allocation')
    expect(status).toBe(0)
    expect(log.lines).toEqual([])
  })

  test('nbdcopy carries every byte in and out, over several connections', async () => {
    const uri = withCertificates(await serve(x509), clientFolder)
    const source = join(folder, 'source.img')
    const pattern = Buffer.alloc(disk.sizeBytes)
    for (let at = 0; at < pattern.length; at += 512) pattern.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
    writeFileSync(source, pattern)
    expect(await run('nbdcopy', '--connections=4', source, uri)).toEqual({ status: 0, output: '' })
    expect(disk.bytes.equals(pattern)).toBe(true)
    expect(await run('nbdcopy', '--connections=4', uri, join(folder, 'copy.img'))).toEqual({ status: 0, output: '' })
    expect(readFileSync(join(folder, 'copy.img')).equals(pattern)).toBe(true)
    expect(log.lines).toEqual([])
  })

  test('QEMU writes and reads back', async () => {
    const uri = await serve(x509)
    const { status, output } = await run(
      'qemu-io',
      ...['--object', `tls-creds-x509,id=t,endpoint=client,dir=${clientFolder}`, '--image-opts', qemuNbd(uri)],
      ...['-c', 'write -P 0x5a 4096 8M', '-c', 'write -f -P 0xa5 512 512', '-c', 'read -P 0x5a 4096 8M', '-c', 'flush'],
    )
    expect(output).not.toMatch(/fail|error/i)
    expect(status).toBe(0)
    expect(disk.bytes[513]).toBe(0xa5)
  })

  test('in the clear nothing is told', async () => {
    const uri = await serve(x509)
    const plain = uri.replace('nbds:', 'nbd:')
    for (const args of [[plain], ['--list', plain]]) {
      const { status, output } = await run('nbdinfo', ...args)
      expect(status).not.toBe(0)
      expect(output).not.toMatch(/disk-0"|33554432/)
    }
    expect(disk.asked).toEqual([])
  })

  test.each([
    ['without a certificate', () => trustFolder, 'it showed no certificate'],
    ['with a certificate of another authority', () => strangerFolder, 'its certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('a client %s is turned away, and the log says why', async (_name, certificates, why) => {
    const uri = await serve(x509)
    const { status } = await run('nbdinfo', withCertificates(uri, certificates()))
    expect(status).not.toBe(0)
    await until(
      () => log.lines.length === 1 && served?.connections === 0,
      () => log.lines,
    )
    expect(log.lines[0]).toContain('turned away')
    expect(log.lines[0]).toContain(`TLS refused: ${why}`)
    expect(disk.asked).toEqual([])
  })

  test('a client that trusts others does not talk to us', async () => {
    const uri = await serve(x509)
    const doubting = join(folder, 'doubting')
    mkdirSync(doubting)
    writeFileSync(join(doubting, 'ca-cert.pem'), pem(folder, 'others', 'ca-cert.pem'))
    expect((await run('nbdinfo', withCertificates(uri, doubting))).status).not.toBe(0)
  })

  describe('with keys shared before', () => {
    const key = Buffer.alloc(32, 0x3c)
    const keys: NbdTls = { pskOf: new Map([['alice', key]]) }
    const keyFile = (name: string, text: string): string => {
      const path = join(folder, name)
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, 'keys.psk'), `${text}\n`)
      return path
    }
    const asAlice = (uri: string, path: string): string =>
      `${uri.replace('nbds://', 'nbds://alice@')}?tls-psk-file=${join(path, 'keys.psk')}`

    test('libnbd and QEMU come in', async () => {
      const uri = await serve(keys)
      const path = keyFile('psk', `alice:${key.toString('hex')}`)
      const info = await run('nbdinfo', asAlice(uri, path))
      expect(info.output).toContain('newstyle-fixed with TLS')
      expect(info.status).toBe(0)
      const { status, output } = await run(
        'qemu-io',
        ...['--object', `tls-creds-psk,id=t,endpoint=client,dir=${path},username=alice`, '--image-opts', qemuNbd(uri)],
        ...['-c', 'write -P 0x77 0 1M', '-c', 'read -P 0x77 0 1M'],
      )
      expect(output).not.toMatch(/fail|error/i)
      expect(status).toBe(0)
      expect(log.lines).toEqual([])
    })

    test.each([
      ['a wrong key', `alice:${Buffer.alloc(32, 1).toString('hex')}`, 'alice'],
      ['an unknown name', `mallory:${key.toString('hex')}`, 'mallory'],
    ])('%s does not', async (name, line, user) => {
      const uri = await serve(keys)
      const path = keyFile(`psk ${name}`.replaceAll(' ', '-'), line)
      expect((await run('nbdinfo', asAlice(uri, path).replace('alice@', `${user}@`))).status).not.toBe(0)
      await until(
        () => log.lines.length > 0 && served?.connections === 0,
        () => log.lines,
      )
      expect(log.lines[0]).toContain('TLS refused')
    })
  })

  describe('by hand', () => {
    const dial = (uri: string): { socket: Socket; heard: Buffer[]; closed: Promise<unknown> } => {
      const socket = connect(portOf(uri), '127.0.0.1')
      const heard: Buffer[] = []
      socket.on('data', (chunk: Buffer) => heard.push(chunk))
      socket.on('error', () => undefined)
      return { socket, heard, closed: new Promise((resolve) => socket.once('close', resolve)) }
    }

    test('a word of the wire behind STARTTLS is not taken for the client’s', async () => {
      const { socket, heard, closed } = dial(await serve(x509))
      socket.write(Buffer.concat([START_TLS, GO]))
      await closed
      expect(Buffer.concat(heard).length).toBe(18)
      expect(log.lines[0]).toContain('bytes that came before TLS')
    })

    test('garbage for a hello ends that connection', async () => {
      const { socket, heard, closed } = dial(await serve(x509))
      socket.write(START_TLS)
      await until(
        () => Buffer.concat(heard).length === 38,
        () => heard,
      )
      socket.write('GET / HTTP/1.1\r\n\r\n')
      await closed
      expect(log.lines[0]).toContain('TLS refused')
    })

    test.each([
      ['silence after the acknowledgement', Buffer.alloc(0)],
      ['half a hello', Buffer.from('16030100c8010000c40303', 'hex')],
    ])('%s is waited for as long as any other negotiation', async (_name, bytes) => {
      const { socket, heard, closed } = dial(await serve(x509, '127.0.0.1', 300))
      socket.write(START_TLS)
      await until(
        () => Buffer.concat(heard).length === 38,
        () => heard,
      )
      socket.write(bytes)
      await closed
      expect(log.lines[0]).toContain('chose no export in time')
    })

    test('where there is no TLS, STARTTLS is against policy and the talk goes on', async () => {
      const uri = await serve()
      expect(uri).toMatch(/^nbd:/)
      const { socket, heard } = dial(uri)
      socket.write(Buffer.concat([START_TLS, GO]))
      await until(
        () => Buffer.concat(heard).length === 18 + 20 + 32 + 20,
        () => Buffer.concat(heard).toString('hex'),
      )
      expect(Buffer.concat(heard).toString('hex', 18, 38)).toBe('0003e889045565a9' + '00000005' + '80000002' + '00000000')
      socket.destroy()
    })
  })

  test('a disk is not told to a network in the clear', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1'])
      await expect(serve(undefined, host)).rejects.toMatchObject({ code: 'EPLAINTEXT' })
    expect(await serve(x509, '0.0.0.0')).toMatch(/^nbds:\/\/0\.0\.0\.0:/)
  })

  test('a certificate and a key that do not belong together are refused at once', async () => {
    const key = pem(clientFolder, 'client-key.pem')
    await expect(
      serve({ cert: pem(serverFolder, 'server-cert.pem'), key, clientCa: pem(serverFolder, 'ca-cert.pem') }),
    ).rejects.toThrow(/key values mismatch/)
    await expect(serve({ cert: 'no certificate', key, clientCa: '' })).rejects.toThrow()
  })
})
