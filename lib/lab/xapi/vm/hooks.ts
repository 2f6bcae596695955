/** Running the scripts of /etc/xapi.d/<hook>/ on a host, and what their exits mean. */
import { ApiError, type HostAgent } from '../../contract'
import { int, isRecord, text } from '../../values'

export type VmHook = 'vm-pre-start' | 'vm-pre-shutdown' | 'vm-post-destroy' | 'vm-pre-reboot'
export type HostHook = 'host-pre-declare-dead' | 'host-post-declare-dead'
export type ShutdownReason = 'clean-shutdown' | 'hard-shutdown' | 'clean-reboot' | 'hard-reboot'

/**
 * The host stops at the first script that ends with neither 0 nor 1 and answers {exit, stdout, script}; a script killed by a signal
 * has `signal` instead of a useful exit.
 */
async function run(host: HostAgent, hook: string, argv: string[], reason: string): Promise<void> {
  const answer = await host.perform('hook.run', { hook, argv })
  if (!isRecord(answer)) return
  if (typeof answer['signal'] === 'string' && answer['signal'] !== '')
    throw new ApiError('INTERNAL_ERROR', 'xenopsd internal error: Forkhelpers.Spawn_internal_error("", "", _)')
  const exit = int(answer['exit'])
  if (exit === 0 || exit === 1) return
  const script = typeof answer['script'] === 'string' ? `${hook}/${answer['script']}` : hook
  throw new ApiError('XAPI_HOOK_FAILED', script, reason, text(answer['stdout']), String(exit))
}

export const runVmHook = (host: HostAgent, hook: VmHook, vmUuid: string, reason: ShutdownReason | 'none'): Promise<void> =>
  run(host, hook, ['-vmuuid', vmUuid, '-reason', reason], reason)

export const runHostHook = (host: HostAgent, hook: HostHook, hostUuid: string, reason: 'user'): Promise<void> =>
  run(host, hook, ['-hostuuid', hostUuid, '-reason', reason], reason)
