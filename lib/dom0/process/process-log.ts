import { Logger, type IMeta } from 'tslog'
import type { Log } from '../../ports/log'
import { logOutput } from '../log/log-output'

/** The numbers by which tslog orders its levels. */
const LEVELS = { debug: 2, info: 3, warn: 4, error: 5 } as const
export type LogLevel = keyof typeof LEVELS

/** One line per event on standard error, where the journal or a file takes it: time, level, process, text, facts as JSON. */
export function processLog(name: string, level: LogLevel = 'info'): Log {
  const write = logOutput()
  const logger = new Logger<Line>({
    name,
    minLevel: LEVELS[level],
    // Looking the caller up costs a stack trace per line.
    hideLogPositionForProduction: true,
    maskValuesOfKeys: [],
    overwrite: {
      toLogObj: () => ({}),
      formatMeta: head,
      formatLogObj: (words) => ({ args: words, errors: [] }),
      transportFormatted: (start, words) => write(`${start}${words.map(String).join(' ')}\n`),
    },
  })
  const say =
    (method: LogLevel): Log['info'] =>
    (text, facts) => {
      if (facts === undefined) logger[method](text)
      else logger[method](text, JSON.stringify(facts))
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

type Line = Record<string, never>

const head = (meta?: IMeta): string =>
  meta === undefined ? '' : `${meta.date.toISOString()} ${meta.logLevelName.padEnd(5)} ${meta.name ?? ''}: `
