import { fioResult } from '../../bench/mirror/fio-result'

const nothing = { iops: 0, bw_bytes: 0, io_bytes: 0, total_ios: 0, lat_ns: { mean: 0 } }
const writes = {
  iops: 5113.6,
  bw_bytes: 20_945_454,
  io_bytes: 14_745_600,
  total_ios: 3600,
  lat_ns: { mean: 112_890.4, percentile: { '50.000000': 77_312, '99.000000': 1_302_528, '99.900000': 4_554_752 } },
}
const unflushed = { total_ios: 0, lat_ns: { mean: 0 } }

const printed = (job: Readonly<Record<string, unknown>>, before = ''): string =>
  `${before}${JSON.stringify({ 'fio version': 'fio-3.33', jobs: [{ error: 0, read: nothing, write: writes, sync: unflushed, ...job }] })}`

test('writes: rates in seconds and bytes, latencies in microseconds', () => {
  expect(fioResult(printed({}))).toEqual({
    iops: 5113.6,
    bytesPerSecond: 20_945_454,
    bytes: 14_745_600,
    latency: { meanUs: 112.8904, p99Us: 1302.528 },
    flush: null,
  })
})

test('what the engine says before the document is passed over', () => {
  expect(fioResult(printed({}, 'fio: connected to NBD server\n')).iops).toBe(5113.6)
})

test('a run that only reads is told by its reads', () => {
  const reads = { ...writes, iops: 7, lat_ns: { mean: 9000, percentile: { '99.000000': 11_000 } } }
  expect(fioResult(printed({ read: reads, write: nothing }))).toMatchObject({ iops: 7, latency: { meanUs: 9, p99Us: 11 } })
})

test('flushes have a latency of their own and are not counted as I/O', () => {
  const sync = { total_ios: 3599, lat_ns: { mean: 71_565, percentile: { '99.000000': 569_344 } } }
  expect(fioResult(printed({ sync }))).toMatchObject({ iops: 5113.6, flush: { meanUs: 71.565, p99Us: 569.344 } })
})

test.each([
  ['a job that failed', printed({ error: 5 }), /error 5/],
  ['a job that did nothing', printed({ write: nothing }), /no I\/O/],
  ['percentiles of something else', printed({ write: { ...writes, lat_ns: { mean: 1 } } }), /99th/],
  ['two jobs', JSON.stringify({ jobs: [{}, {}] }), /2 jobs/],
  ['no document', 'fio: cannot connect', /no result: fio: cannot connect/],
])('%s is no result', (_what, output, complaint) => {
  expect(() => fioResult(output)).toThrow(complaint)
})
