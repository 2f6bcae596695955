import { parseEndedChildrenCpu, parseMachineCpu, parseMemory, parseProcessCpu } from '../../bench/proc-files'

// Written by hand after proc(5): fields 14 to 17 are utime, stime, cutime, cstime.
const stat = (name: string): string =>
  `4242 (${name}) S 1 4242 4242 0 -1 4194560 900 80 7 6 1234 567 89 10 20 0 11 0 5000 1000 200`

test.each(['node', 'a (b) c', ') R 1 2 3'])('the CPU time of a process called "%s"', (name) => {
  expect(parseProcessCpu(stat(name))).toEqual({ user: 12.34, system: 5.67 })
  expect(parseEndedChildrenCpu(stat(name))).toEqual({ user: 0.89, system: 0.1 })
})

test('a line that ends too early is not taken for an idle process', () => {
  expect(() => parseProcessCpu('4242 (node) S 1 4242')).toThrow('not a count of ticks')
})

test('the machine: user time with that of niced processes, and what was stolen', () => {
  const file = 'cpu  1000 200 300 4000 5 6 7 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 12 0\n'
  expect(parseMachineCpu(file)).toEqual({ userSeconds: 12, stolenSeconds: 0.8 })
})

test('memory: what is resident and the most that was', () => {
  const file = 'Name:\tnode\nVmPeak:\t 1258280 kB\nVmHWM:\t   61440 kB\nVmRSS:\t   40960 kB\nThreads:\t11\n'
  expect(parseMemory(file)).toEqual({ residentBytes: 40 * 1024 * 1024, peakBytes: 60 * 1024 * 1024 })
  expect(() => parseMemory('Name:\tkthreadd\n')).toThrow('no VmRSS')
})
