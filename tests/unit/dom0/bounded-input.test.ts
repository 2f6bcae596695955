import { Readable } from 'node:stream'
import { boundedInput } from '../../../lib/dom0/system/bounded-input'

const streamOf = (...chunks: string[]): Readable => Readable.from(chunks.map((chunk) => Buffer.from(chunk)))

test('a text in pieces, even when a character is cut in two', async () => {
  const bytes = Buffer.from('{"a":"é"}')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const pieces = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)])
    expect(await boundedInput(pieces, 100, 10_000)).toBe('{"a":"é"}')
  }
})
test('as long as the limit, and one longer, which is read to its end', async () => {
  expect(await boundedInput(streamOf('12', '34'), 4, 10_000)).toBe('1234')
  const long = streamOf('12', '345', '67')
  expect(await boundedInput(long, 4, 10_000)).toBe('')
  expect(long.readableEnded).toBe(true)
})
test('no end in time', async () => {
  const keepAlive = setInterval(() => undefined, 1000)
  expect(await boundedInput(new Readable({ read: () => undefined }), 4, 20)).toBe('')
  clearInterval(keepAlive)
})
test('a failure of the machine goes up', async () => {
  const failing = new Readable({ read: () => failing.destroy(Object.assign(new Error('broken'), { code: 'EIO' })) })
  await expect(boundedInput(failing, 4, 10_000)).rejects.toThrow('broken')
})
