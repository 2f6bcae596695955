import { addAbortSignal, type Readable } from 'node:stream'
import { codeOf } from './system-error'

/**
 * All text of a stream; empty when it is longer than `bytesMax`, not over after `limitMs`, or not open. What is too long is
 * read to its end all the same, so that the writer is not cut off before it looks for an answer.
 */
export async function boundedInput(stream: Readable, bytesMax: number, limitMs: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of addAbortSignal(AbortSignal.timeout(limitMs), stream)) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('a stream without an encoding consists of buffers')
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
    }
  } catch (error) {
    if (['ABORT_ERR', 'EBADF'].includes(codeOf(error))) return ''
    throw error
  }
  return bytes <= bytesMax ? Buffer.concat(chunks).toString('utf8') : ''
}
