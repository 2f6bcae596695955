import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** File I/O of a worker shares these threads; the default of four makes one slow disk hold up the others. */
const IO_THREADS = '16'
const ENDED = 'HOLDFAST_WORKER_ENDED'
const UP = 'up'
/** In the environment of what a minder starts: its process id. */
export const MINDER_PID = 'HOLDFAST_MINDER'

/**
 * A minder starts a worker again whenever it ends with anything but status 0, and holds the sockets that both were started with: so
 * that a client which connects between two lives waits for the second. It is a shell and not a process of ours for its size, a
 * megabyte. The first starts follow at once; a worker that dies before it knows its role, again and again, is held back longer and
 * longer. Ends with the worker, and when told to (SIGTERM to its process group, so that the worker hears of it, too), and before
 * another start when there is no spec.json. Nobody who stops reading its log ends it.
 */
const SCRIPT = `export ${MINDER_PID}=$$
trap told=1 TERM
trap '' PIPE
early=0
while [ -z "$told" ] && [ -e "$0/spec.json" ]; do
  true >"$0/${UP}"
  "$@"
  status=$?
  [ $status = 0 ] && exit
  if [ -s "$0/${UP}" ]; then early=0; else early=$((early+1)); fi
  case $early in [012]) pause=0;; 3) pause=0.1;; 4) pause=0.2;; 5) pause=0.4;; 6) pause=1;; 7) pause=2;; *) pause=5;; esac
  [ -n "$told" ] || echo "$(date -u +%FT%T.%3NZ) WARN  minder \${0##*/}: the worker ended (status $status) and is started again after $pause s" >&2
  [ $pause = 0 ] || sleep $pause
  export ${ENDED}=$status
done`

/** What a shell is called with: it runs `command` for the worker in `folder`. */
export const minderArguments = (folder: string, command: readonly string[]): string[] => ['-c', SCRIPT, folder, ...command]

export const minderEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, UV_THREADPOOL_SIZE: IO_THREADS, [ENDED]: '' })

/** How the worker before this one ended, by the shell's count; null for the first one. */
export const endOfTheLast = (): string | null => process.env[ENDED] || null

/** Told to the minder: this worker has come as far as to be useful. */
export function tellMinder(folder: string): void {
  writeFileSync(join(folder, UP), '1')
}
