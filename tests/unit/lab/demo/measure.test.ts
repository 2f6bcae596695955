import type { TimelineEntry } from '../../../../lib/core/domain/timeline'
import { hostUuid } from '../../../../lib/core/domain/ids'
import { diskErrorsOn, measure, type Span } from '../../../../lib/lab/demo/measure'

const HOST = hostUuid('11111111-1111-1111-1111-111111111111')
const WALL = Date.parse('2026-01-01T00:00:00.000Z')

/** Broken at second 10 of the machine and 0 of the wall, whole again 20 s later. */
const SPAN: Span = {
  broken: { wallMs: WALL, monotonicMs: 10_000 },
  whole: { wallMs: WALL + 20_000, monotonicMs: 30_000 },
}

const entry = (act: string, afterMs: number): TimelineEntry => ({
  ...{ host: HOST, vm: null, rule: 'some-rule', text: '', evidence: {} },
  ...{ act, at: new Date(WALL + afterMs).toISOString() },
})

const acknowledgements = (...times: readonly number[]) => times.map((at, index) => ({ n: index + 1, at }))

describe('what is measured of a fault', () => {
  test('the longest gap that ends within the fault, also when it began before', () => {
    const seen = measure(SPAN, acknowledgements(1_000, 9_900, 14_900, 15_000, 29_000, 60_000), [])
    expect(seen.longestGapMs).toBe(14_000)
    expect(seen.answeringMs).toBe(19_000)
    expect(measure(SPAN, acknowledgements(9_900, 14_900, 15_000), []).longestGapMs).toBe(5_000)
  })

  test('gaps before the fault and after it are not its own', () => {
    const seen = measure(SPAN, acknowledgements(1_000, 9_900, 10_100, 29_900, 90_000), [])
    expect(seen.longestGapMs).toBe(19_800)
  })

  test('without an acknowledgement afterwards nothing can be said', () => {
    expect(() => measure(SPAN, acknowledgements(1_000, 9_900), [])).toThrow('no acknowledgement after the fault')
  })

  test('the first act of each kind, counted from the fault', () => {
    const entries = [
      entry('host-suspected', -5_000),
      entry('host-suspected', 650),
      entry('claim-swapped', 1_500),
      entry('claim-taken', 1_550),
      entry('start-called', 3_600),
      entry('start-called', 9_000),
      entry('host-suspected', 25_000),
    ]
    expect(measure(SPAN, acknowledgements(9_000, 11_000), entries)).toMatchObject({
      suspectedMs: 650,
      claimTakenMs: 1_500,
      startCalledMs: 3_600,
    })
  })

  test('what did not happen within the fault is null', () => {
    const seen = measure(SPAN, acknowledgements(9_000, 11_000), [entry('host-suspected', -1), entry('start-called', 20_001)])
    expect(seen).toMatchObject({ suspectedMs: null, claimTakenMs: null, startCalledMs: null })
  })
})

describe("a guest's console", () => {
  test.each([
    'blk_update_request: I/O error, dev vda, sector 2048 op 0x1:(WRITE) flags 0x800',
    'Buffer I/O error on dev vda, logical block 1, lost async page write',
    'EXT4-fs error (device vda): ext4_journal_check_start:83: Detected aborted journal',
    'Aborting journal on device vda-8.',
    'EXT4-fs (vda): Remounting filesystem read-only',
    'redis: write error: Read-only file system',
  ])('tells of a failed disk: %s', (line) => {
    expect(diskErrorsOn(`[    0.1] booting\r\n[    7.3] ${line}\r\nready\r\n`)).toEqual([`[    7.3] ${line}`])
  })

  test('is quiet when all is well', () => {
    expect(diskErrorsOn('[    0.1] EXT4-fs (vda): mounted filesystem with ordered data mode\nready\n')).toEqual([])
  })
})
