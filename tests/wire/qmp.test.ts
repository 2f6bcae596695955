import { qmpCommand, qmpLine } from '../../lib/wire/qmp'
import { Malformed } from '../../lib/wire/shape'

describe('what QEMU says', () => {
  test.each([
    ['{"QMP": {"version": {}, "capabilities": ["oob"]}}', { kind: 'greeting' }],
    ['{"return": {}, "id": 7}', { kind: 'answer', id: 7, value: {} }],
    ['{"return": "text", "id": 0}', { kind: 'answer', id: 0, value: 'text' }],
    ['{"id": 3, "error": {"class": "GenericError", "desc": "no such thing"}}', { kind: 'refused', id: 3, why: 'no such thing' }],
    ['{"timestamp": {"seconds": 1}, "event": "STOP"}', { kind: 'event', name: 'STOP', data: {} }],
    [
      '{"event": "MIGRATION", "data": {"status": "completed"}}',
      { kind: 'event', name: 'MIGRATION', data: { status: 'completed' } },
    ],
  ])('%s', (line, said) => expect(qmpLine(line)).toEqual(said))

  test.each([
    '',
    'null',
    '[]',
    '{',
    '{}',
    '{"return": {}}',
    '{"return": {}, "id": "7"}',
    '{"return": {}, "id": -1}',
    '{"return": {}, "id": 0.5}',
    '{"error": {"desc": "unreadable"}}',
    '{"error": "no", "id": 1}',
    '{"error": {}, "id": 1}',
    '{"event": 1}',
    '{"event": "STOP", "data": []}',
    `{"event": "${'x'.repeat(101)}"}`,
  ])('is malformed: %s', (line) => expect(() => qmpLine(line)).toThrow(Malformed))

  test('a command is a line', () =>
    expect(qmpCommand(4, 'cont', { text: 'a\nb' })).toBe('{"execute":"cont","arguments":{"text":"a\\nb"},"id":4}\n'))
})
