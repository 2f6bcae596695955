import type { Log } from '../../ports/log'

const nothing = (): void => undefined

/** For a command whose answer says what is wrong. */
export const quietLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
