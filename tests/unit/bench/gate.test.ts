import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileGate, openGate } from '../../bench/gate'

const folder = mkdtempSync(join(tmpdir(), 'gate-'))
const file = join(folder, 'lock')
afterAll(() => rmSync(folder, { recursive: true }))

test('two that share a lock are never at work together, and each may work again and again', async () => {
  const order: string[] = []
  const gates = [fileGate(file, 60_000), fileGate(file, 60_000)] as const
  const work = (who: string) => async (): Promise<void> => {
    order.push(`${who} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    order.push(`${who} ends`)
  }
  const turns = async (gate: (typeof gates)[number], who: string): Promise<void> => {
    await gate.hold(work(who))
    await gate.hold(work(who))
    await gate.release()
  }
  await Promise.all([turns(gates[0], 'one'), turns(gates[1], 'other')])
  const of = (who: string): string[] => [`${who} begins`, `${who} ends`, `${who} begins`, `${who} ends`]
  expect([
    [...of('one'), ...of('other')],
    [...of('other'), ...of('one')],
  ]).toContainEqual(order)
})

test('one who has had the lock for long lets the others in between two pieces of work', async () => {
  const [greedy, waiting] = [fileGate(file, 0), fileGate(file, 0)]
  const order: string[] = []
  await greedy.hold(() => Promise.resolve(order.push('greedy')))
  const other = waiting.hold(() => Promise.resolve(order.push('waiting'))).then(() => waiting.release())
  while (order.length < 2) await greedy.hold(() => new Promise((resolve) => setImmediate(resolve)))
  await other
  await greedy.release()
  expect(order).toEqual(['greedy', 'waiting'])
})

test('a lock that cannot be had is said', async () => {
  await expect(fileGate(join(folder, 'missing', 'lock'), 1).hold(() => Promise.resolve())).rejects.toThrow('cannot lock')
  await expect(openGate.hold(() => Promise.resolve(5))).resolves.toBe(5)
})
