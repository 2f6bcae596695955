import { execFileSync } from 'node:child_process'
import { leaseNotes } from '../../lib/dom0/fence/lease-files'
import { systemClock } from '../../lib/dom0/system/system-clock'
import { plainLog } from '../../lib/dom0/log/plain-log'

/** What a worker with a lease does, as a process of its own: FOLDER ID DOMID LEASE_MS pause|destroy|alone. SIGTERM: the guest ended. */
const [folder = '', id = '', domid = '', leaseMs = '', then = 'pause'] = process.argv.slice(2)
const notes = leaseNotes({ folder, id, clock: systemClock, log: plainLog('holder') })

const renew = (): void => {
  const untilMs = then === 'alone' ? null : systemClock.nowMs() + Number(leaseMs)
  const wasPaused = notes.tell({
    domids: [domid],
    untilMs,
    then: then === 'destroy' ? 'destroy' : 'pause',
    pauseWithinMs: 0,
    isPaused: false,
  })
  if (wasPaused) execFileSync('xl', ['unpause', domid])
}
renew()
setInterval(renew, 50)
process.on('SIGTERM', () => {
  notes.forget()
  process.exit(0)
})
