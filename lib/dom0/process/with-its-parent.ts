import { MINDER_PID } from './minder'

/** The kernel tells nobody of a parent that had died before it was asked to. */
const UNLESS_ORPHANED = `[ "$PPID" = "\${1:-$${MINDER_PID}}" ] && shift && exec "$@"`

/** The command as one that ends when whoever starts it does: this process, or the minder. */
export const withItsParent = (command: readonly string[], parent: 'this' | 'minder' = 'this'): string[] => [
  ...['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', UNLESS_ORPHANED, 'sh'],
  ...[parent === 'this' ? String(process.pid) : '', ...command],
]
