import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from '../child'
import type { Gate } from '../gate'
import type { Progress } from '../progress'
import { verifyWithFio } from './fio'
import { measure, measureMemory, type Measured, type MemoryUse, type Running, type Times } from './measure'
import { settle, writeTemplate, type Place } from './places'
import type { Quiet } from './quiet'
import type { Block, MeasuredRow } from './report'
import type { Row } from './rows'
import type { Setting, SubjectKind } from './subject'

export interface Plan extends Times {
  readonly kinds: readonly SubjectKind[]
  readonly rows: readonly Row[]
  readonly rounds: number
  readonly sizeBytes: number
  readonly seed: number
  readonly measuresMemory: boolean
}

export interface SessionParts {
  readonly gate: Gate
  readonly progress: Progress
  readonly quiet: Quiet
}

/** Small, so that what a first copy of the whole disk leaves in memory is not taken for what an idle disk needs. */
const MEMORY_DISK_BYTES = 64 * 1024 * 1024

export const ableKinds = (kinds: readonly SubjectKind[], setting: Setting): readonly SubjectKind[] =>
  kinds.filter((kind) => kind.unable(setting) === null)

/** How often `measureBlock` steps on. */
export function stepsOf({ kinds, rows, rounds, measuresMemory }: Plan, setting: Setting): number {
  const able = ableKinds(kinds, setting).length
  return able * (1 + rounds * rows.length + (measuresMemory ? 1 : 0)) + 1
}

/**
 * Everything in one setting. All subjects stand side by side the whole time; they are measured in turn, in an order that rotates,
 * so that none is always the one after the rest.
 */
export async function measureBlock(
  plan: Plan,
  place: Place,
  tls: boolean,
  { gate, progress, quiet }: SessionParts,
): Promise<Block> {
  const setting: Setting = { place: place.name, tls }
  const kinds = ableKinds(plan.kinds, setting)
  const called = `${place.name}, ${tls ? 'TLS' : 'no TLS'}`
  const running = new Map<SubjectKind, Running>()
  const rounds = new Map<string, Map<string, Measured[]>>()
  try {
    for (const kind of kinds) {
      progress.step(`${called}: ${kind.name} starts and is verified`)
      const subject = await gate.hold(() => start(kind, setting, place, plan.sizeBytes))
      running.set(kind, subject)
      await gate.hold(() => verifyWithFio(plan.seed, subject.target))
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const [nth, row] of plan.rows.entries()) {
        for (const kind of rotated(kinds, round + nth)) {
          progress.step(`${called}, round ${round + 1}: ${row.name} of ${kind.name}`)
          const attempt = async (): Promise<Measured> => {
            await settle(place)
            return measure(row, plan, plan.seed + round, must(running.get(kind)))
          }
          const measured = await gate.hold(() => quiet.measure(attempt))
          kept(kept(rounds, row.name, new Map<string, Measured[]>()), kind.name, []).push(measured)
        }
      }
    }
    progress.step(`${called}: the copies are compared`)
    for (const each of running.values()) await gate.hold(() => compareCopies(each))
  } finally {
    for (const each of running.values()) await end(each)
  }
  const memory: Record<string, MemoryUse> = {}
  for (const kind of plan.measuresMemory ? kinds : []) {
    progress.step(`${called}: memory of ${kind.name}`)
    memory[kind.name] = await gate.hold(() => memoryOf(kind, setting, place, plan))
  }
  return {
    ...setting,
    fileSystem: place.fileSystem,
    unable: Object.fromEntries(plan.kinds.flatMap((kind) => whyNot(kind, setting))),
    rows: [...rounds].map(([row, of]): MeasuredRow => ({ row, rounds: Object.fromEntries(of) })),
    memory,
  }
}

const whyNot = (kind: SubjectKind, setting: Setting): [string, string][] => {
  const why = kind.unable(setting)
  return why === null ? [] : [[kind.name, why]]
}

let folders = 0

async function start(kind: SubjectKind, setting: Setting, place: Place, sizeBytes: number): Promise<Running> {
  const folder = join(place.folder, String(++folders))
  mkdirSync(folder)
  const template = join(place.folder, `template-${sizeBytes}`)
  writeTemplate(template, sizeBytes)
  const subject = await kind.start(setting, { folder, template, sizeBytes })
  rmSync(template)
  return { subject, target: { uri: subject.uri, sizeBytes, folder } }
}

async function end({ subject, target }: Running): Promise<void> {
  await subject.stop()
  rmSync(target.folder, { recursive: true })
}

async function memoryOf(kind: SubjectKind, setting: Setting, place: Place, plan: Plan): Promise<MemoryUse> {
  const running = await start(kind, setting, place, MEMORY_DISK_BYTES)
  try {
    return await measureMemory(plan, plan.seed, running)
  } finally {
    await end(running)
  }
}

/** A mirror that was fast because one side has something else proves nothing. */
async function compareCopies({ subject: { copies } }: Running): Promise<void> {
  const [first, ...others] = copies
  for (const other of others) await runToEnd('cmp', [must(first), other])
}

const rotated = <T>(of: readonly T[], by: number): readonly T[] => of.map((_, nth) => must(of[(nth + by) % of.length]))

function kept<K, V>(of: Map<K, V>, key: K, fresh: V): V {
  const there = of.get(key)
  if (there !== undefined) return there
  of.set(key, fresh)
  return fresh
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value that is always there is not')
  return value
}
