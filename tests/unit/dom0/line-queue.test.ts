import { LineQueue } from '../../../lib/dom0/log/line-queue'

/** A file that takes what it is given, fails, or is silent. */
class Sink {
  readonly lines: string[] = []
  state: 'takes' | 'full' | 'silent' = 'takes'
  calls = 0
  nowMs = 0
  release = (): void => undefined
  readonly queue = new LineQueue({
    write: async (lines) => {
      this.calls++
      if (this.state === 'full') throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      if (this.state === 'silent') await new Promise<void>((resolve) => (this.release = resolve))
      this.lines.push(...lines)
    },
    lost: (count, error) => `lost ${count} ${error}`,
    nowMs: () => this.nowMs,
    ...{ againAfterMs: 10, charactersMax: 20 },
  })

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('lines are written in their order, and nothing waits afterwards', async () => {
  const sink = new Sink()
  for (const line of ['a', 'b', 'c']) sink.queue.add(line)
  await sink.queue.rest(10_000)
  expect(sink.lines).toEqual(['a', 'b', 'c'])
  expect(sink.queue.trouble).toBe('')
})

test('a full one keeps the newest, says why, and tells how many were lost when there is room', async () => {
  const sink = new Sink()
  sink.state = 'full'
  for (let n = 10; n < 30; n++) sink.queue.add(`${n}`)
  await sink.queue.rest(10_000)
  expect(sink.queue.trouble).toBe('ENOSPC')
  sink.state = 'takes'
  await sink.until(() => sink.queue.trouble === '')
  expect(sink.lines).toEqual(['lost 10 ENOSPC', ...Array.from({ length: 10 }, (_, n) => `${n + 20}`)])
})

test('what is lost while it fails again and again is counted once', async () => {
  const sink = new Sink()
  sink.state = 'full'
  for (let n = 10; n < 30; n++) sink.queue.add(`${n}`)
  await sink.until(() => sink.calls > 3)
  for (let n = 30; n < 35; n++) sink.queue.add(`${n}`)
  await sink.until(() => sink.calls > 6)
  sink.state = 'takes'
  await sink.until(() => sink.queue.trouble === '')
  expect(sink.lines[0]).toBe('lost 15 ENOSPC')
  expect(sink.lines.slice(1)).toEqual(Array.from({ length: 10 }, (_, n) => `${n + 25}`))
})

test('one that is silent holds up nobody, and nothing without bound', async () => {
  const sink = new Sink()
  sink.state = 'silent'
  for (let n = 100; n < 1100; n++) sink.queue.add(`${n}`)
  expect(sink.queue.trouble).toBe('')
  sink.nowMs = 5001
  expect(sink.queue.trouble).toBe('ETIMEDOUT')
  await sink.queue.rest(20)
  expect(sink.lines).toEqual([])
  sink.state = 'takes'
  sink.release()
  await sink.queue.rest(10_000)
  expect(sink.lines).toEqual(['100', 'lost 994 ', '1095', '1096', '1097', '1098', '1099'])
})

test('what waits at the end of the process is handed out, with what was lost', async () => {
  const sink = new Sink()
  sink.state = 'full'
  for (let n = 10; n < 30; n++) sink.queue.add(`${n}`)
  await sink.queue.rest(10_000)
  expect(sink.queue.take()).toEqual(['lost 10 ENOSPC', ...Array.from({ length: 10 }, (_, n) => `${n + 20}`)])
  expect(sink.queue.take()).toEqual([])
})
