import type { TimelineEntry } from '../../../core/domain/timeline'
import type { VolumeRecord } from '../../../core/domain/volume'
import type { SplitVolume } from '../../../wire/split'
import type { SplitDisk, SplitDiskComparison, SplitHistory, SplitReport } from '../../../wire/split-report'
import { beganAt, servedAlone } from '../served-alone'
import { ruleOf, type SplitSide, type SplitVm } from './split-sides'

/** Acts by which a claim came to a host. */
const CLAIM_ACTS: ReadonlySet<string> = new Set(['claim-swapped', 'claim-handed-over', 'claim-lost'])

/** `deviceOf`: the number of a volume's disk in its VM. */
export function splitReport(
  of: SplitVm,
  entries: readonly TimelineEntry[],
  deviceOf: (record: VolumeRecord) => string,
): SplitReport {
  const { vm, name, stored, sides } = of
  const nameOf = (host: string): string => sides.find((side) => side.host === host)?.name ?? host
  const disks = of.records.map((record) => splitDisk(record, deviceOf(record), of))
  const split = disks.filter(({ rule }) => rule !== null)
  const rules = of.records.map(({ key }) => ruleOf(of, key))
  const why = rules.every(({ met }) => met) ? '' : unmet(sides)
  const since = split.flatMap(({ histories }) => histories.flatMap(({ began }) => (began === '' ? [] : [began]))).sort()[0]
  const later = entries.filter(({ at }) => since !== undefined && at.slice(0, 19) >= since.slice(0, 19))
  const [holder] = sides
  return {
    ...{ vm, name, state: split.length > 0 ? 'split' : rules.every(({ known }) => known) ? 'none' : 'unknown', why },
    ...{ holder: nameOf(stored.claim.holder), term: stored.claim.term },
    hosts: sides.map((side) => ({ uuid: side.host, host: side.name, holder: side === holder, answers: side.volumes !== null })),
    disks,
    served: servedAlone(later).map((each) => ({ ...each, host: nameOf(each.host) })),
    claims: later
      .filter(({ act }) => CLAIM_ACTS.has(act))
      .map(({ at, host, act, rule, evidence }) => ({
        at,
        host: nameOf(host),
        term: Number(evidence['term'] ?? 0),
        rule: act === 'claim-swapped' ? rule : act,
      })),
    keeping: keepingOf(holder, nameOf),
  }
}

/** Why nobody can tell; empty when somebody can. */
function unmet(sides: readonly SplitSide[]): string {
  const [holder, ...others] = sides
  if (holder?.volumes == null) return `${holder?.name ?? 'the host'} holds the claim and does not answer`
  const [other] = others
  if (other === undefined) return 'one host alone keeps its replicas'
  if (other.volumes === null) return `${other.name} does not answer`
  return holder.apart || 'the other replica is not there'
}

const keepingOf = (side: SplitSide | undefined, nameOf: (host: string) => string): SplitReport['keeping'] =>
  side?.keeping == null ? null : { ...side.keeping, host: nameOf(side.keeping.host) }

function splitDisk({ key, sizeBytes }: VolumeRecord, device: string, of: SplitVm): SplitDisk {
  const { sides } = of
  const { rule } = ruleOf(of, key)
  const told = sides.map((side) => ({ side, volume: side.volumes?.find((each) => each.key === key) ?? null }))
  const [holder, other] = told
  const seen = holder?.volume?.seen ?? null
  const [here, there] = [holder?.side.name ?? '', other?.side.name ?? '']
  const [serving, refused] = seen?.refused === 'local' ? [there, here] : [here, there]
  return {
    ...{ volume: key, device, sizeBytes, rule, refused: rule === null ? null : refused },
    histories: told.flatMap(({ side, volume }) => (volume === null ? [] : historyOf(side.name, volume))),
    comparison: seen?.comparison == null ? null : named(seen.comparison, serving, refused),
  }
}

function historyOf(host: string, { own, exported, aside }: SplitVolume): SplitHistory[] {
  if (own === null) return []
  const { current, bitmap } = own.generations
  return [{ host, ...own, began: beganAt(current), parted: beganAt(bitmap), exported, aside }]
}

function named(
  { ranges, ...comparison }: NonNullable<NonNullable<SplitVolume['seen']>['comparison']>,
  serving: string,
  refused: string,
): SplitDiskComparison {
  const by = { serving: [serving], refused: [refused], both: [serving, refused], unknown: [] } as const
  return { ...comparison, ranges: ranges.map((range) => ({ ...range, by: by[range.by] })) }
}
