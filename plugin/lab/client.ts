/** The demonstration's client: writes numbered records to a guest's redis and reads them back. */
import { Command, InvalidArgumentError } from 'commander'
import { countUntilTold } from '../../lib/lab/client/counting'
import { verifyRecords } from '../../lib/lab/client/verify'
import { servedTwice, watchServers } from '../../lib/lab/client/watcher'
import { writeRecords } from '../../lib/lab/client/writer'

interface Options {
  readonly host: string
  readonly port: number
  readonly journal: string
  readonly bytes: number
  readonly pace: number
}

const whole = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted')
  return Number(text)
}

function untilStopped(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  return stop.signal
}

const program = new Command('client').description('writes numbered records to redis, notes each acknowledgement, reads back')
const verb = (name: string, text: string): Command =>
  program
    .command(name)
    .description(text)
    .requiredOption('--host <address>', 'where redis listens')
    .option('--port <number>', 'its port', whole, 6379)
    .requiredOption('--journal <file>', 'where acknowledgements are noted (JSON lines)')

verb('write', 'write until SIGTERM')
  .option('--bytes <n>', 'length of a record', whole, 200)
  .option('--pace <ms>', 'pause between records', whole, 5)
  .action(async ({ host, port, journal, bytes, pace }: Options) => {
    await writeRecords({ address: { host, port }, journal, recordBytes: bytes, paceMs: pace }, untilStopped())
  })

verb('watch', 'keep every connection and note who answers, until SIGTERM; exit 1 if one answered after a later one')
  .option('--pace <ms>', 'pause between questions', whole, 20)
  .action(async ({ host, port, journal, pace }: Options) => {
    await watchServers({ address: { host, port }, journal, paceMs: pace }, untilStopped())
    const twice = servedTwice(journal)
    process.stdout.write(`${JSON.stringify({ servedTwice: twice })}\n`)
    process.exitCode = twice.length > 0 ? 1 : 0
  })

verb(
  'count',
  'count over one connection until told `end` on standard input; `verify` reads back; JSON lines; exit 1 if a promise broke',
)
  .option('--pace <ms>', 'pause between questions', whole, 20)
  .action(async ({ host, journal, pace }: Options) => {
    const kept = await countUntilTold({ host, journal, paceMs: pace }, process.stdin, process.stdout)
    process.exitCode = kept ? 0 : 1
    process.stdin.destroy()
  })

verb('verify', 'compare what redis holds with the journal; exit 1 if anything acknowledged is not there')
  .option('--after <n>', 'only records with a higher number', whole, 0)
  .action(async ({ host, port, journal, after }: Options & { after: number }) => {
    const verdict = await verifyRecords({ host, port }, journal, after)
    process.stdout.write(`${JSON.stringify(verdict)}\n`)
    process.exitCode = verdict.missing.length + verdict.different.length > 0 ? 1 : 0
  })

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`client: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
