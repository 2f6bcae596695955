import type { Log } from '../../ports/log'
import { logOutput } from './log-output'

/** As processLog, without a package: for a process that must not fail for want of one. */
export function plainLog(name: string): Log {
  const write = logOutput()
  const say =
    (level: string): Log['info'] =>
    (text, facts) => {
      const shown = facts === undefined ? '' : ` ${JSON.stringify(facts)}`
      write(`${new Date().toISOString()} ${level.padEnd(5)} ${name}: ${text}${shown}\n`)
    }
  return { debug: () => undefined, info: say('INFO'), warn: say('WARN'), error: say('ERROR') }
}
