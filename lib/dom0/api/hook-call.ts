import { Refusal } from '../../core/domain/errors'
import type { Ask } from './daemon-client'

/** The operation waits for its hooks, and nobody else limits them. */
export const HOOK_LIMIT_MS = 3000

/** Exit 0: go on. 1: go on, `text` is in xapi's log. 2: the operation is aborted with `text`. */
export interface HookVerdict {
  readonly exit: 0 | 1 | 2
  readonly text: string
}

/**
 * Tells the daemon of an /etc/xapi.d hook. Only vm-pre-start may abort, because an abort anywhere else can wreck the VM, and only
 * when the daemon says so: without a daemon every VM starts, and the storage refuses the disks of one that must not.
 */
export async function runHook(hook: string, argv: readonly string[], ask: Ask): Promise<HookVerdict> {
  const mayAbort = hook === 'vm-pre-start'
  try {
    const { goOn, text } = await ask('hook', { hook, ...subjectOf(argv) })
    return goOn ? { exit: 0, text: '' } : { exit: mayAbort ? 2 : 1, text }
  } catch (error) {
    if (error instanceof Refusal) {
      if (NO_VERDICT.includes(error.code)) return { exit: 0, text: '' }
      return { exit: mayAbort && error.code !== 'HOLDFAST_BAD_REQUEST' ? 2 : 1, text: error.message }
    }
    return { exit: 1, text: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
}

const NO_VERDICT: readonly string[] = ['HOLDFAST_DAEMON_UNREACHABLE', 'HOLDFAST_TIMED_OUT']

/** `-vmuuid U -reason R [-vmdomid D]`, `-hostuuid U -reason R`, or `-reason R`. */
function subjectOf(argv: readonly string[]): { vm?: string; host?: string; reason: string } {
  const after = (flag: string): string | undefined => {
    const at = argv.indexOf(flag)
    return at < 0 ? undefined : argv[at + 1]
  }
  const [vm, host] = [after('-vmuuid'), after('-hostuuid')]
  return { ...(vm === undefined ? {} : { vm }), ...(host === undefined ? {} : { host }), reason: after('-reason') ?? 'none' }
}
