import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { SplitVolume } from '../../lib/wire/split'
import { eventually, type WorkerHost } from './worker-host'
import { DOMAIN, WorkerPair } from './worker-pair'

export const BLOCK = 64 * 1024

export interface Written {
  readonly at: number
  readonly length: number
  readonly pattern: number
}

/** Writes by QEMU, answered and flushed. */
export function write(socket: string, exportName: string, writes: readonly Written[]): void {
  const commands = writes.flatMap(({ at, length, pattern }) => ['-c', `write -P ${pattern} ${at} ${length}`])
  const image = `driver=nbd,server.type=unix,server.path=${socket},export=${exportName}`
  execFileSync('qemu-io', [...commands, '-c', 'flush', '--image-opts', image], { stdio: 'pipe' })
}

/** Blocks in which two images differ, found by cmp. */
export function differingBlocks(a: string, b: string): number[] {
  const { stdout } = output('cmp', ['-l', a, b])
  const blocks = new Set<number>()
  for (const line of stdout.split('\n'))
    if (line !== '') blocks.add(Math.floor((Number(line.trim().split(/\s+/)[0]) - 1) / BLOCK))
  return [...blocks].sort((x, y) => x - y)
}

/** `cmp` and `qemu-img compare` end with 1 where something differs. */
export function output(program: string, argv: readonly string[]): { status: number; stdout: string } {
  try {
    return { status: 0, stdout: execFileSync(program, argv, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' }) }
  } catch (error) {
    const { status, stdout } = error as { status: number | null; stdout: string }
    if (status === null) throw error
    return { status, stdout }
  }
}

/**
 * Two hosts that each served the VM alone, under a claim that another witness had: `a` first, `b` later. Both are up again, and `b`
 * holds the claim that is left.
 */
export async function splitPair(byA: readonly Written[], byB: readonly Written[]): Promise<WorkerPair> {
  const pair = await WorkerPair.redundant()
  const { a, b, bench, vm, volume } = pair
  await b.kill()
  await eventually('the claim lists the first one alone', async () => ((await pair.upToDate()).join() === a.uuid ? true : null))
  const served = await a.ask('attach', { volume, domain: DOMAIN })
  write(served.socket, served.exportName, byA)
  await a.kill()
  // What the other witness knows is what both knew before.
  pair.witness = await bench.serving(0, undefined, join(bench.folder, 'other'))
  pair.claims = bench.connect(pair.witness.port)
  const claim = { vm, term: 1, holder: a.uuid, leaseMs: 1500, lockstep: null, upToDate: { [volume]: [a.uuid, b.uuid] } }
  expect(await pair.claims.compareAndSwap(0, claim)).toMatchObject({ stored: true })
  b.start(pair.specOf(b))
  await b.until('it is the secondary', ({ role }) => role === 'secondary')
  await eventually('the claim is taken', async () => {
    const answer = await b.ask('take-over', { reason: 'the test has killed the other one' })
    return answer.taken ? true : null
  })
  await pair.attach(b)
  await eventually('the claim lists the second one alone', async () => ((await pair.upToDate()).join() === b.uuid ? true : null))
  const heir = await b.ask('attach', { volume, domain: DOMAIN })
  write(heir.socket, heir.exportName, byB)
  a.start(pair.specOf(a))
  await b.until('the histories have met', ({ volumes }) => volumes[0]?.refused !== null)
  return pair
}

export async function splitOf(pair: WorkerPair, host: WorkerHost, compare = false): Promise<SplitVolume> {
  const { volumes } = await host.ask('split', { compare })
  const [volume] = volumes
  if (volume?.key !== pair.volume) throw new Error('the worker tells of another disk')
  return volume
}

/** To its end. */
export async function compared(pair: WorkerPair, host: WorkerHost): Promise<SplitVolume> {
  await splitOf(pair, host, true)
  return eventually('all is compared', async () => {
    const told = await splitOf(pair, host)
    return told.seen?.comparison?.state === 'running' ? null : told
  })
}
