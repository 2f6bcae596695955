import { Refusal } from '../../../lib/core/domain/errors'
import { volumeKey } from '../../../lib/core/domain/ids'
import { replicaVerdict, type ReplicaFacts } from '../../../lib/core/standalone/replica-verdict'

const MIB = 2 ** 20
const OURS = volumeKey('dddddddd-0000-4000-8000-000000000001')
const OTHER = volumeKey('dddddddd-0000-4000-8000-000000000002')

const head = (state: 'up-to-date' | 'inconsistent' | 'outdated', changes: object = {}) => ({
  volume: OURS,
  sizeBytes: 64 * MIB,
  state,
  ...changes,
})

const facts = (changes: Partial<ReplicaFacts>): ReplicaFacts => ({
  ...{ mirror: 'orders', place: 'file:/srv/orders.img', volume: OURS, create: false, overwrite: false, alone: false },
  ...{ servedBefore: false, sizeBytesAsked: null, sizeBytesFound: 64 * MIB, isBlank: false, metadata: null },
  ...changes,
})

const said = (changes: Partial<ReplicaFacts>): string => {
  try {
    return replicaVerdict(facts(changes)).act
  } catch (error) {
    if (error instanceof Refusal) return `refused: ${String(error.facts['reason'])}`
    throw error
  }
}

describe('what there is, and what becomes of it', () => {
  test.each<[string, Partial<ReplicaFacts>, string]>([
    ['a first start makes a new one', { create: true, sizeBytesFound: null, sizeBytesAsked: MIB }, 'make'],
    ['a first start keeps what is there', { create: true }, 'adopt'],
    ['a first start whose claim was lost goes on', { create: true, metadata: head('up-to-date') }, 'use'],
    ['ours is used', { metadata: head('inconsistent') }, 'use'],
    ['the worker makes a missing one', { sizeBytesFound: null, sizeBytesAsked: MIB }, 'use'],
    ['one that nothing was written to', { isBlank: true }, 'replace'],
    ['one that the operator gives up', { overwrite: true }, 'replace'],
    ['a damaged one that the operator gives up', { overwrite: true, metadata: 'damaged' }, 'replace'],
    [
      'a lost one that the operator gives up',
      { overwrite: true, servedBefore: true, sizeBytesFound: null, sizeBytesAsked: MIB },
      'use',
    ],
    ['a mirror of one is made', { alone: true, create: true }, 'adopt'],
    ['a mirror of one is used', { alone: true, metadata: head('up-to-date') }, 'use'],
  ])('%s', (_, changes, act) => expect(said(changes)).toBe(act))
})

describe('what is refused', () => {
  test.each<[Partial<ReplicaFacts>, RegExp]>([
    [{}, /exists and is no replica/],
    [{ metadata: 'damaged' }, /metadata is damaged/],
    [{ metadata: 'newer' }, /later release/],
    [{ metadata: 'newer', overwrite: true }, /later release/],
    [{ metadata: head('up-to-date', { volume: OTHER }) }, /another mirror/],
    [{ metadata: head('up-to-date', { volume: OTHER }), overwrite: true }, /another mirror/],
    [{ metadata: head('up-to-date', { sizeBytes: 65 * MIB }) }, /its metadata says 68157440/],
    [{ sizeBytesFound: null }, /no size is given/],
    [{ sizeBytesAsked: 65 * MIB }, /has 67108864 bytes, and --size asks for 68157440/],
    [{ sizeBytesAsked: 63 * MIB }, /has 67108864 bytes, and --size asks for 66060288/],
    [{ sizeBytesFound: 512 * 1024 }, /at least 1 MiB/],
    [{ sizeBytesFound: MIB + 1 }, /sectors/],
    [{ sizeBytesFound: null, sizeBytesAsked: MIB, servedBefore: true }, /served from here before/],
    [
      { sizeBytesFound: null, sizeBytesAsked: MIB, servedBefore: true, metadata: head('up-to-date', { sizeBytes: MIB }) },
      /before/,
    ],
    [{ create: true, metadata: 'damaged' }, /damaged/],
    [{ create: true, metadata: head('inconsistent') }, /is inconsistent: the other side has more/],
    [{ create: true, metadata: head('outdated') }, /is outdated/],
    [
      { create: true, metadata: head('up-to-date', { sizeBytes: MIB }), sizeBytesFound: null, sizeBytesAsked: MIB },
      /bytes are gone/,
    ],
    [{ alone: true }, /never made/],
    [{ alone: true, overwrite: true }, /never made/],
    [{ alone: true, create: true, metadata: head('up-to-date') }, /made already/],
  ])('%j', (changes, reason) => expect(said(changes)).toMatch(reason))
})

test('over all combinations, bytes that may count are never made anew or replaced without the word of the operator', () => {
  const truths = [true, false]
  const metadata = [
    null,
    'damaged',
    'newer',
    head('up-to-date'),
    head('inconsistent'),
    head('up-to-date', { volume: OTHER }),
  ] as const
  let seen = 0
  for (const create of truths)
    for (const overwrite of truths)
      for (const alone of truths)
        for (const servedBefore of truths)
          for (const sizeBytesFound of [null, 64 * MIB])
            for (const each of metadata) {
              const given = { create, overwrite, alone, servedBefore, sizeBytesFound, sizeBytesAsked: 64 * MIB, metadata: each }
              const verdict = said(given)
              seen += 1
              if (verdict === 'replace') expect(given).toMatchObject({ overwrite: true, create: false, alone: false })
              if (verdict === 'make') expect(given).toMatchObject({ sizeBytesFound: null, metadata: null, create: true })
              if (verdict === 'adopt') expect(given).toMatchObject({ create: true, metadata: null })
            }
  expect(seen).toBe(2 ** 5 * metadata.length)
})
