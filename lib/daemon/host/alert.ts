import type { ToldEffect } from '../../core/failover/effects'
import { XapiFailure } from '../../ports/xapi'
import type { HostParts } from './parts'

const ALERT_MS = 5000

/** A message in XAPI; nothing waits for it. */
export async function alert(
  parts: HostParts,
  { name, priority, vm, text }: Extract<ToldEffect, { effect: 'alert' }>,
): Promise<void> {
  const { config, xapi, log } = parts
  const about = vm === null ? (['Pool', config.pool] as const) : (['VM', vm] as const)
  try {
    await xapi.call('message.create', [name, priority, ...about, text], { deadlineMs: ALERT_MS })
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    log.warn('XAPI did not take the message', { name, error: error.message })
  }
}
