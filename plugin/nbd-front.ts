import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'
import { createNbdFront } from '../lib/dom0/front/nbd-front'
import { processLog } from '../lib/dom0/process/process-log'
import { textOf } from '../lib/dom0/system/system-error'

const USAGE = `usage: holdfast-front --listen PATH --to PATH --export NAME
keeps the connections of NBD clients that cannot reconnect while the worker behind is started again

  --listen PATH  unix socket for the clients, absolute; a stale socket there is replaced
  --to PATH      unix socket of the worker, absolute
  --export NAME  what the worker is asked for

Ends when told to (SIGTERM: its clients are closed), or by itself: when PATH of --listen is gone or another front's, and the last
client has left. Exit status 0 then, 64 for wrong arguments, 69 when it cannot listen.
`
const BAD_ARGUMENTS = 64
const CANNOT_LISTEN = 69
/** How often it looks whether anybody can still come. */
const LOOK_EVERY_MS = 1000

interface Arguments {
  readonly listen: string
  readonly to: string
  readonly exportName: string
}

function argumentsOf(words: string[]): Arguments | string {
  try {
    const text = { type: 'string' } as const
    const { values } = parseArgs({ args: words, options: { listen: text, to: text, export: text, help: { type: 'boolean' } } })
    const { listen, to, export: exportName } = values
    if (values.help === true) return ''
    if (listen === undefined) return '--listen is missing'
    if (to === undefined) return '--to is missing'
    if (exportName === undefined) return '--export is missing'
    for (const [option, path] of Object.entries({ listen, to }))
      if (!isAbsolute(path)) return `--${option} must be an absolute path: "${path}"`
    return { listen, to, exportName }
  } catch (error) {
    return textOf(error)
  }
}

async function main(given: Arguments): Promise<void> {
  const log = processLog(`front ${given.exportName.slice(0, 8)}`)
  try {
    const front = await createNbdFront({ ...given, log })
    const stop = (reason: string): void => {
      log.info('stopping', { reason, clients: front.clients })
      void front.close().then(() => process.exit(0))
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal))
    setInterval(() => {
      if (front.clients === 0 && front.isAbandoned) stop('nobody can come any more')
    }, LOOK_EVERY_MS)
    log.info('listening', { ...given })
  } catch (error) {
    log.error('cannot listen', { ...given, error: textOf(error) })
    process.exit(CANNOT_LISTEN)
  }
}

const given = argumentsOf(process.argv.slice(2))
if (typeof given === 'string') {
  if (given !== '') process.stderr.write(`holdfast-front: ${given}\n`)
  ;(given === '' ? process.stdout : process.stderr).write(USAGE)
  process.exitCode = given === '' ? 0 : BAD_ARGUMENTS
} else {
  void main(given)
}
