import { CountCheck } from '../../../../lib/lab/client/count-check'
import { command, NotRedis, RedisError, replies } from '../../../../lib/lab/client/line/resp'

function counted(...values: (number | RedisError | null)[]): readonly string[] {
  const check = new CountCheck()
  values.forEach((value, at) => check.counted(value, at))
  return check.verdict.broken
}

test('a count is the one that follows the last: no other number, no error, nothing else', () => {
  expect(counted(1, 2, 3)).toEqual([])
  expect(counted(1, 2, 2)).toEqual(['INCR number 3 was answered with 2'])
  expect(counted(1, 2, 1, 2)).toEqual(['INCR number 3 was answered with 1'])
  expect(counted(1, 2, 4, 5)).toEqual(['INCR number 3 was answered with 4'])
  expect(counted(2)).toEqual(['INCR number 1 was answered with 2'])
  expect(counted(1, null)).toEqual(['INCR number 2 was answered with null'])
  expect(counted(1, new RedisError('OOM'))).toEqual(['INCR number 2 was answered with the error OOM'])
  expect(counted(...Array.from({ length: 100 }, () => 7))).toHaveLength(20)
})

test('what was acknowledged has to be there, as it was, and the counter has to be what was counted', () => {
  const check = new CountCheck()
  check.stored('a', 'one', 'OK')
  check.stored('a', 'two', 'OK')
  check.stored('b', 'three', 'OK')
  check.readBack('a', 'two')
  check.counterIs('0')
  expect(check.verdict).toMatchObject({ stored: 3, broken: [] })
  check.readBack('a', 'one')
  check.readBack('b', null)
  check.stored('b', 'four', new RedisError('MISCONF'))
  check.readBack('b', 'three')
  check.counterIs('1')
  expect(check.verdict.broken).toEqual([
    'a was acknowledged as "two" and holds "one"',
    'b was acknowledged as "three" and holds null',
    'SET b was answered with the error MISCONF',
    'the last count was 0, and the counter is "1"',
  ])
})

test('the longest time between two answers is known, without the times in which the client asked nothing', () => {
  const check = new CountCheck()
  for (const [n, at] of [1000, 1010, 1500, 1501].entries()) check.counted(n + 1, at)
  check.paused()
  check.counted(5, 99_000)
  check.counted(6, 99_020)
  expect(check.verdict.longestGapMs).toBe(490)
})

test('answers of redis are the same wherever they are cut', () => {
  const bytes = Buffer.from('+OK\r\n:-12\r\n-ERR no\r\n$5\r\nü\r\nx\r\n$-1\r\n*2\r\n$0\r\n\r\n*1\r\n:7\r\n')
  const wanted = ['OK', -12, new RedisError('ERR no'), 'ü\r\nx', null, ['', [7]]]
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const parse = replies()
    expect([...parse(bytes.subarray(0, cut)), ...parse(bytes.subarray(cut))]).toEqual(wanted)
  }
  const parse = replies()
  expect([...bytes].flatMap((byte) => parse(Buffer.of(byte)))).toEqual(wanted)
})

test('what redis never says is told: bytes that came twice, or are missing', () => {
  for (const text of ['K\r\n', ':1x\r\n', '$2\r\nabc\r\n', '\r\n']) expect(() => replies()(Buffer.from(text))).toThrow(NotRedis)
})

test('a command is an array of texts with their lengths in bytes', () => {
  expect(command('SET', 'ü', '')).toBe('*3\r\n$3\r\nSET\r\n$2\r\nü\r\n$0\r\n\r\n')
})
