import type { Log } from '../ports/log'

const LEVELS = { debug: 2, info: 3, warn: 4, error: 5 } as const
export type LogLevel = keyof typeof LEVELS

/** One line per event on standard error, where the journal or a file takes it: time, level, process, text, facts as JSON. */
export function processLog(name: string, level: LogLevel = 'info'): Log {
  const say =
    (method: LogLevel): Log['info'] =>
    (text, facts) => {
      if (LEVELS[method] < LEVELS[level]) return
      const tail = facts === undefined ? '' : ` ${JSON.stringify(facts)}`
      process.stderr.write(`${new Date().toISOString()} ${method.toUpperCase().padEnd(5)} ${name}: ${text}${tail}\n`)
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}
