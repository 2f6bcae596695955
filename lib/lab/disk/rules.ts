/** Which requests of a broken disk fail, and how. */
import { basename } from 'node:path'
import { DISK_ERRORS, DISK_OPS, type DiskError, type DiskOps } from '../faults/fault'

export interface DiskRule {
  /** See DiskFault.volume. */
  readonly volume: string | null
  readonly ops: DiskOps
  readonly error: DiskError
}

/** @param path below the disk's top; of several rules that match, the latest decides */
export function brokenBy(rules: readonly DiskRule[], path: string, kind: 'reads' | 'writes'): DiskError | null {
  const rule = rules.findLast(({ volume, ops }) => (ops === 'both' || ops === kind) && matches(volume, path))
  return rule?.error ?? null
}

function matches(volume: string | null, path: string): boolean {
  if (volume === null) return true
  if (/[*?]/.test(volume)) return globOf(volume).test(path) || globOf(volume).test(basename(path))
  return path.split('/').some((part) => part === volume || part.startsWith(`${volume}.`))
}

function globOf(pattern: string): RegExp {
  const text = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${text}$`)
}

/** Checks what arrived over the channel from the rack. */
export function isDiskRules(value: unknown): value is DiskRule[] {
  return Array.isArray(value) && value.every(isRule)
}

function isRule(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { volume, ops, error } = value as Readonly<Record<string, unknown>>
  return (
    (volume === null || typeof volume === 'string') &&
    DISK_OPS.some((choice) => choice === ops) &&
    DISK_ERRORS.some((choice) => choice === error)
  )
}

/** A rule that replaces an earlier one: about the same volume and some of the same operations. */
export function isSameTarget(a: DiskRule, b: DiskRule): boolean {
  return a.volume === b.volume && (a.ops === b.ops || b.ops === 'both')
}
