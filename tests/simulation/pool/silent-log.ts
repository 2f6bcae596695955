import type { Log } from '../../../lib/ports/log'

const nothing = (): void => undefined

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** What people would read there. */
export const logTo = (say: (text: () => string) => void, who: string): Log => {
  const at =
    (level: string) =>
    (text: string, facts?: Readonly<Record<string, unknown>>): void =>
      say(() => `${who} ${level}: ${text}${facts === undefined ? '' : ` ${JSON.stringify(facts)}`}`)
  return { debug: nothing, info: at('info'), warn: at('warn'), error: at('error') }
}
