import { execFile } from 'node:child_process'
import type { DomainControl } from '../ports/domain-control'

/** A toolstack that hangs must not hang the worker with it. */
const LIMIT_MS = 5000

/** Xen's own tool: works while XAPI is blocked by a dead coordinator. Rejects with the tool's message. */
export const xl: DomainControl = {
  pause: (domid) => run('pause', domid),
  unpause: (domid) => run('unpause', domid),
  destroy: (domid) => run('destroy', domid),
}

const run = (verb: string, domid: string): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile('xl', [verb, domid], { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`xl ${verb} ${domid}: ${stderr.trim() || error.message}`))
    })
  })
