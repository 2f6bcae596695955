import { parseUnit } from '../../../../lib/lab/rack/units'

test('what of a unit is honoured', () => {
  const text = `
[Unit]
Description=ExecStart= is not here
[Service]
Environment=A=1 "B=two words"
Environment=C=x=y
ExecStart=-/opt/holdfast/bin/holdfastd --flag "one argument" \\
  last
Restart=always
RestartSec=1.5s
`
  expect(parseUnit('holdfastd', text)).toEqual({
    name: 'holdfastd',
    argv: ['/opt/holdfast/bin/holdfastd', '--flag', 'one argument', 'last'],
    environment: { A: '1', B: 'two words', C: 'x=y' },
    restart: 'always',
    restartMs: 1500,
  })
})

test.each([
  ['RestartSec=2', 2000],
  ['RestartSec=250ms', 250],
  ['RestartSec=soon', 100],
  ['', 100],
])('%s is %d ms', (line, expected) => {
  expect(parseUnit('u', `ExecStart=/bin/true\n${line}`).restartMs).toBe(expected)
})

test('without a policy it is not restarted, without a command it is no unit', () => {
  expect(parseUnit('u', 'ExecStart=/bin/true').restart).toBe('no')
  expect(parseUnit('u', 'ExecStart=/bin/true\nRestart=on-failure').restart).toBe('on-failure')
  expect(() => parseUnit('u', '[Service]')).toThrow('unit u has no ExecStart')
})
