import { fstatSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { LineQueue } from './line-queue'
import { codeOf } from '../system/system-error'

const STANDARD_ERROR = 2
const writeTo = promisify(write)

/**
 * Where the lines of a log go: standard error. When that is a file, whose file system may be full or silent, the process neither waits
 * for it nor ends because of it; what waits at the end of the process is written then, if it can be.
 */
export function logOutput(): (line: string) => void {
  if (!isFile()) return (line) => void process.stderr.write(line)
  const queue = new LineQueue({
    write: (lines) => writeWhole(lines.join('')),
    lost: (count, error) =>
      `${new Date().toISOString()} ERROR log: ${count} lines were dropped, because they could not be written${error === '' ? '' : ` (${error})`}\n`,
    nowMs: () => performance.now(),
  })
  process.on('exit', () => {
    try {
      writeSync(STANDARD_ERROR, queue.take().join(''))
    } catch (error) {
      // There is nobody left to tell.
      if (codeOf(error) === '') throw error
    }
  })
  return (line) => queue.add(line)
}

async function writeWhole(text: string): Promise<void> {
  let left = Buffer.from(text)
  while (left.length > 0) left = left.subarray((await writeTo(STANDARD_ERROR, left)).bytesWritten)
}

function isFile(): boolean {
  try {
    return fstatSync(STANDARD_ERROR).isFile()
  } catch (error) {
    if (codeOf(error) === 'EBADF') return false
    throw error
  }
}
