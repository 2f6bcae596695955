import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openChangedMemory } from '../../../lib/dom0/memory/changed-memory'
import { loadNativeMemory, type NativeMemory } from '../../../lib/dom0/memory/native-memory'
import { PAGE_BYTES, type ChangedMemory } from '../../../lib/ports/changed-memory'
import { spread } from '../mirror/statistics'

const SIZE = 128 * 1024 * 1024
const PAGES = SIZE / PAGE_BYTES
const ROUNDS = 15

/** A table in Markdown: milliseconds of a whole scan, and what passes per second. */
export async function benchMemory(): Promise<string> {
  const native = loadNativeMemory()
  const kinds: [string, NativeMemory | null][] = native === null ? [] : [['addon', native]]
  const lines = ['| | changed | median, ms | least | most | GB/s |', '| --- | ---: | ---: | ---: | ---: | ---: |']
  for (const [kind, addon] of [...kinds, ['plain Node', null] as const]) {
    for (const percent of [0, 1, 10]) {
      const { median, min, max } = spread(await measure(addon, percent / 100))
      const rate = (SIZE / 1e9 / (median / 1e3)).toFixed(1)
      lines.push(`| ${kind} | ${percent} % | ${median.toFixed(1)} | ${min.toFixed(1)} | ${max.toFixed(1)} | ${rate} |`)
    }
  }
  return `${lines.join('\n')}\n${native === null ? 'The addon was not built.\n' : ''}`
}

async function measure(native: NativeMemory | null, share: number): Promise<number[]> {
  const folder = mkdtempSync('/dev/shm/holdfast-bench-')
  const path = join(folder, 'ram')
  const fd = openSync(path, 'w+')
  for (let page = 0; page < PAGES; page++)
    writeSync(fd, Buffer.alloc(PAGE_BYTES, 1 + (page % 255)), 0, PAGE_BYTES, page * PAGE_BYTES)
  const memory = await openChangedMemory(path, native)
  try {
    const into = Buffer.alloc(SIZE)
    await whole(memory, into)
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      // Spread evenly, which is the worst case: no two are beside each other.
      for (let n = 0; n < PAGES * share; n++) writeSync(fd, Buffer.from([round]), 0, 1, Math.floor(n / share) * PAGE_BYTES + 100)
      const from = performance.now()
      await whole(memory, into)
      times.push(performance.now() - from)
    }
    return times
  } finally {
    await memory.close()
    closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}

async function whole(memory: ChangedMemory, into: Buffer): Promise<void> {
  for (let rest: readonly { offset: number; length: number }[] = [{ offset: 0, length: SIZE }]; rest.length > 0;)
    ({ rest } = await memory.scan(rest, into))
}
