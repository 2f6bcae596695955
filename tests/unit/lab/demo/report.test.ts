import { hostUuid } from '../../../../lib/core/domain/ids'
import { faultTable, type FaultRow, promisesText, timelineText } from '../../../../lib/lab/demo/report'
import { filled } from '../../../../lib/lab/demo/screen'

const HOST = hostUuid('11111111-1111-1111-1111-111111111111')
const VM = '22222222-2222-2222-2222-222222222222'
const NAMES = new Map<string, string>([
  [HOST, 'h1'],
  [VM, 'orders'],
])
const NOTHING = { longestGapMs: 80, answeringMs: 90, suspectedMs: null, claimTakenMs: null, startCalledMs: null }
const DISK: FaultRow = { fault: 'disk of h2', outcome: "served from h1's replica", startLimitMs: null, measured: NOTHING }
const DEATH: FaultRow = {
  ...{ fault: 'host h2, a member', outcome: 'restarted on h1', startLimitMs: 5_000 },
  measured: { longestGapMs: 9_970, answeringMs: 9_960, suspectedMs: 601, claimTakenMs: 1_550, startCalledMs: 5_001 },
}

describe('the last tables', () => {
  test('fit 100 columns and show seconds, a dash for what did not happen', () => {
    const lines = faultTable([DISK, DEATH]).split('\n')
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100)
    expect(lines.find((line) => line.includes('disk of h2'))?.match(/ - /g)).toHaveLength(4)
    expect(lines.find((line) => line.includes('restarted on h1'))).toMatch(/9\.97 s.*0\.60 s.*1\.55 s.*5\.00 s.*9\.96 s/)
  })

  test('a promise says whether it was kept', () => {
    const late = promisesText([DISK, DEATH])
    expect(late).toContain('suspected within 1 s: kept (0.60 s)')
    expect(late).toContain('VM.start_on within 5 s: NOT KEPT (5.00 s)')
    expect(promisesText([{ ...DEATH, startLimitMs: 25_000 }])).toContain('VM.start_on within 25 s: kept (5.00 s)')
    expect(promisesText([{ ...DEATH, measured: NOTHING }])).toContain('suspected within 1 s: NOT SEEN')
  })
})

describe('the timeline', () => {
  const entry = { host: HOST, vm: null, rule: 'silent-on-every-link', evidence: {}, at: '2026-01-01T00:00:01.250Z' }
  const begunMs = Date.parse('2026-01-01T00:00:00.000Z')

  test('names what it knows, and gives the rule and the time since the beginning', () => {
    const text = timelineText([{ ...entry, act: 'host-suspected', text: `${HOST} loses ${VM}` }], begunMs, NAMES)
    expect(text).toBe('   1.25 s  h1  host-suspected  (rule silent-on-every-link)\n               h1 loses orders\n')
  })

  test('leaves out what a later entry says again', () => {
    expect(timelineText([{ ...entry, act: 'link-silent', text: 'No heartbeat' }], begunMs, NAMES)).toBe('')
  })
})

test('words are filled into lines, and a long one is not cut', () => {
  expect(filled('a bb ccc dddddddddd e', 5)).toEqual(['a bb', 'ccc', 'dddddddddd', 'e'])
})
