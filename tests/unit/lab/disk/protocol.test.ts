import { directoryReply, names, parseRequest, reply } from '../../../../lib/lab/disk/protocol'

test('a request as the kernel lays it out', () => {
  const bytes = Buffer.alloc(48)
  bytes.writeUInt32LE(48, 0)
  bytes.writeUInt32LE(1, 4)
  bytes.writeBigUInt64LE(77n, 8)
  bytes.writeBigUInt64LE(5n, 16)
  bytes.write('disk.raw', 40)
  expect(parseRequest(bytes)).toMatchObject({ opcode: 1, unique: 77n, node: 5, body: Buffer.from('disk.raw') })
  expect(names(Buffer.from('....from\0to\0'), 4)).toEqual(['from', 'to'])
})

test('a reply carries its length, the negative error and whose it is', () => {
  expect(reply(258n, 5).toString('hex')).toBe('10000000' + 'fbffffff' + '0201000000000000')
  expect(reply(1n, 0, Buffer.from('ab')).toString('hex')).toBe('12000000' + '00000000' + '0100000000000000' + '6162')
})

test('a long directory is read in parts, each entry once', () => {
  const entries = Array.from({ length: 100 }, (_, index) => ({
    name: `${'n'.repeat(1 + (index % 20))}${index}`,
    isDirectory: index % 3 === 0,
  }))
  const seen: string[] = []
  for (let from = 0; ;) {
    const part = directoryReply(entries, from, 300)
    expect(part.length).toBeLessThanOrEqual(300)
    if (part.length === 0) break
    for (let at = 0; at < part.length;) {
      from = Number(part.readBigUInt64LE(at + 8))
      const length = part.readUInt32LE(at + 16)
      seen.push(part.toString('utf8', at + 24, at + 24 + length))
      at += 24 + Math.ceil(length / 8) * 8
    }
  }
  expect(seen).toEqual(entries.map(({ name }) => name))
})
