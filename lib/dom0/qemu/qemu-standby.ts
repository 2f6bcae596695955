import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import type { StateWay } from '../../ports/capture'
import { fields } from '../../wire/shape'
import type { QmpSession } from './qmp'
import { failure } from '../system/system-error'

const LIMIT_MS = 5000

/**
 * What a standby's QEMU is started with, beside the options of the machine it stands by for and a memory file of its own. Devices alone
 * do not come with the name of their machine, which QEMU otherwise asks for first.
 */
export const standbyArguments = (way: StateWay): readonly string[] => [
  ...['-S', '-incoming', 'defer'],
  ...(way === 'devices' ? ['-global', 'migration.send-configuration=off'] : []),
]

/**
 * Gives a waiting machine, whose memory file holds the pages of the same capture, its state. It stands afterwards; `cont` lets it run.
 * A state that does not fit ends QEMU, and this rejects with `ECONNRESET`. `folder`: reachable by QEMU, for nobody else.
 */
export async function loadState(qmp: QmpSession, state: Buffer, folder: string): Promise<void> {
  const path = join(folder, 'incoming.socket')
  await rm(path, { force: true })
  const capabilities = [{ capability: 'x-ignore-shared', state: true }]
  await qmp.execute('migrate-set-capabilities', { capabilities }, LIMIT_MS)
  await qmp.execute('migrate-incoming', { uri: `unix:${path}` }, LIMIT_MS)
  await pipeline(Readable.from([state]), connect(path))
  for (const until = performance.now() + LIMIT_MS; performance.now() < until;) {
    if (fields(await qmp.execute('query-status', {}, LIMIT_MS), 'status')['status'] !== 'inmigrate') return
  }
  throw failure('ETIMEDOUT', `the state was not loaded within ${LIMIT_MS} ms`)
}
