import { latencies } from '../../bench/witness/latencies'
import { residentIn } from '../../bench/witness/memory'

test('percentiles are values that were measured, whatever their order', () => {
  const tookMs = Array.from({ length: 100 }, (_, nth) => ((nth * 37) % 100) + 1)
  expect(latencies(tookMs, 4)).toEqual({ count: 100, perSecond: 25, p50Ms: 50, p99Ms: 99, maxMs: 100 })
  expect(latencies([7], 2)).toEqual({ count: 1, perSecond: 0.5, p50Ms: 7, p99Ms: 7, maxMs: 7 })
  expect(latencies([], 1)).toEqual({ count: 0, perSecond: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 })
})

test('what is anonymous and what lies in the file cache', () => {
  const status = 'Name:\tnode\nVmRSS:\t   60 kB\nRssAnon:\t   20 kB\nRssFile:\t   39 kB\nRssShmem:\t    1 kB\n'
  expect(residentIn(status)).toEqual({ resident: 60 * 1024, anonymous: 20 * 1024, shared: 40 * 1024 })
  expect(() => residentIn('VmRSS:\t60 kB\n')).toThrow('RssAnon')
})
