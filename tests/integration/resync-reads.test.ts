import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BLOCK_BYTES } from '../../lib/core/domain/blocks'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { SEED } from '../wire/seeded'
import { Dice } from '../world/prng'
import { MirrorPair } from './mirror-pair'

/** How much of a large disk is read to bring a replica up to date that was away for a while: counted in bytes, not in seconds. */
jest.setTimeout(300_000)
const SIZE = 10 * 2 ** 30
const BLOCKS = SIZE / BLOCK_BYTES
const DIRTY_BLOCKS = Math.ceil(BLOCKS / 100)
const DIRTY = DIRTY_BLOCKS * BLOCK_BYTES

let pair: MirrorPair
afterEach(() => pair.close())

/** Some blocks, each once, in the order of the disk. */
function someBlocks(dice: Dice): number[] {
  const blocks = new Set<number>()
  while (blocks.size < DIRTY_BLOCKS) blocks.add(dice.below(BLOCKS))
  return [...blocks].sort((one, other) => one - other)
}

const patternOf = (block: number): number => 1 + (block % 255)

async function write(socket: string, blocks: readonly number[]): Promise<void> {
  const io = spawn('qemu-io', ['-f', 'raw', `nbd+unix:///orders?socket=${socket}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  io.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const writes = blocks.map((block) => `write -P ${patternOf(block)} ${block * BLOCK_BYTES} ${BLOCK_BYTES}`)
  io.stdin.end([...writes, 'flush', 'quit', ''].join('\n'))
  await new Promise((resolve) => io.once('close', resolve))
  expect(said.match(/wrote 65536\/65536/g)).toHaveLength(blocks.length)
}

/** Bytes that this process has read, from files and sockets alike. */
function bytesRead(pid: number | null): number {
  const [, bytes] = /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid ?? 0}/io`, 'utf8')) ?? []
  return Number(bytes)
}

/** All of an empty disk is looked at once, which may take longer than anything else that is waited for. */
async function firstCopy(): Promise<void> {
  for (let waits = 1; ; waits++) {
    try {
      await pair.untilMirrored(pair.a)
      return
    } catch (error) {
      if (waits === 6) throw error
    }
  }
}

function blocksThatDiffer(image: string, blocks: readonly number[]): number[] {
  const file = openSync(image, 'r')
  const found = Buffer.alloc(BLOCK_BYTES)
  const wrong = blocks.filter((block) => {
    readSync(file, found, 0, BLOCK_BYTES, block * BLOCK_BYTES)
    return !found.equals(Buffer.alloc(BLOCK_BYTES, patternOf(block)))
  })
  closeSync(file)
  return wrong
}

test(`seed ${SEED}: of a sparse disk of 10 GiB with 1 % dirty, its source reads what is dirty`, async () => {
  pair = new MirrorPair('10G')
  const { a, b } = pair
  await pair.startWitness()
  b.start()
  a.start('--create')
  await firstCopy()
  await a.untilServed()
  await b.kill()
  const blocks = someBlocks(new Dice(SEED))
  await write(a.socket, blocks)
  const worker = a.workerPid
  const before = bytesRead(worker)
  b.start()
  await pair.untilMirrored(a)
  expect(a.workerPid).toBe(worker)
  const read = bytesRead(worker) - before
  // Each block once for its digest while that may help, once to be copied; and the talk about it.
  expect(read).toBeGreaterThanOrEqual(DIRTY)
  expect(read).toBeLessThan(2 * DIRTY + 32 * 2 ** 20)

  expect(
    readTimeline(join(a.folder, 'timeline'))
      .filter(({ act }) => act === 'resync-started')
      .map(({ rule }) => rule),
  ).toEqual(['peer-is-new', 'i-tracked-peer'])
  expect(blocksThatDiffer(b.image, blocks)).toEqual([])
  for (const { image } of [a, b]) {
    expect(statSync(image).size).toBe(SIZE)
    expect(statSync(image).blocks * 512).toBeLessThan(DIRTY + 32 * 2 ** 20)
  }
})
