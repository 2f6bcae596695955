import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { Refusal } from '../../core/domain/errors'
import { textOf } from '../system/system-error'

const LIMIT_MS = 20_000
const UNITS = ['holdfast-watchdog.service', 'holdfastd.service']

/** Where another program than systemd runs the units, it starts them when they have what they need. */
const isRunBySystemd = (): boolean => existsSync('/run/systemd/system')

/** The daemon reads its configuration when it starts; its workers go on meanwhile. Rejects with Refusal HOLDFAST_SETUP_LACKS. */
export async function startServices(changed: boolean): Promise<void> {
  if (!isRunBySystemd()) return
  await systemctl('enable', ...UNITS)
  await systemctl('start', ...UNITS)
  if (changed) await systemctl('restart', 'holdfastd.service')
}

async function systemctl(...words: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('systemctl', words, { timeout: LIMIT_MS })
  } catch (error) {
    const reason = `systemctl ${words.join(' ')} failed: ${textOf(error).trim().slice(0, 300)}`
    throw new Refusal('HOLDFAST_SETUP_LACKS', { reason, todo: 'Look at: journalctl -u holdfastd' })
  }
}
