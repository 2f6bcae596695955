import type { TimelineEntry } from '../../core/domain/timeline'
import type { StatusReport, VmStatus } from '../../wire/daemon-api'
import type { Lab } from '../rack/lab'

const COMMAND = '/usr/local/sbin/holdfast'
const ALL_ENTRIES = '2000'

/** What `holdfast status VM` says on that host; null while its daemon, or XAPI's view of the VM, is not there. */
export async function statusOn(lab: Lab, host: string, vm: string): Promise<VmStatus | null> {
  const { exit, stdout } = await lab.exec(host, [COMMAND, 'status', vm, '--json'])
  if (exit !== 0) return null
  const report: unknown = JSON.parse(stdout)
  return isStatus(report) ? (report.vms[0] ?? null) : null
}

/** What `holdfast timeline` says on that host: both hosts' acts while both live, oldest first. */
export async function timelineOn(lab: Lab, host: string): Promise<readonly TimelineEntry[]> {
  const { exit, stdout, stderr } = await lab.exec(host, [COMMAND, 'timeline', '--limit', ALL_ENTRIES, '--json'])
  if (exit !== 0) throw new Error(`holdfast timeline on ${host}: ${stderr.trim()}`)
  const report: unknown = JSON.parse(stdout)
  if (!isTimeline(report)) throw new Error(`holdfast timeline on ${host}: not a timeline`)
  return report.entries
}

/** True when every disk has two up-to-date replicas and nothing is being copied. */
export const isRedundant = ({ health, disks }: VmStatus): boolean =>
  health === 'protected' && disks.length > 0 && disks.every(({ upToDate, resync }) => upToDate.length === 2 && resync === null)

/** One line for the screen. */
export function oneLine({ name, health, reason, residentOn, powerState, holder, term, disks }: VmStatus): string {
  const where = residentOn === null ? powerState.toLowerCase() : `runs on ${residentOn}`
  const claim = holder === null ? 'no claim' : `claim ${holder}, term ${term ?? '?'}`
  const replicas = disks.map(({ upToDate }) => [...upToDate].sort().join(' and ') || 'nowhere').join('; ')
  return `${name}: ${health}; ${where}; ${claim}; up-to-date on ${replicas}${reason === '' ? '' : ` (${reason})`}`
}

const isStatus = (value: unknown): value is StatusReport =>
  typeof value === 'object' && value !== null && 'vms' in value && Array.isArray(value.vms)
const isTimeline = (value: unknown): value is { entries: TimelineEntry[] } =>
  typeof value === 'object' && value !== null && 'entries' in value && Array.isArray(value.entries)
