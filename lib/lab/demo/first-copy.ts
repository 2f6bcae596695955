import { setTimeout as pause } from 'node:timers/promises'
import type { VmStatus } from '../../wire/daemon-api'
import type { Lab } from '../rack/lab'
import { isRedundant, statusOn } from './operator'
import type { Progress, Screen } from './screen'

const POLL_MS = 250
const LIMIT_MS = 120_000
const MIB = 1024 * 1024

/** Asks for `redirect` as an operator does, through XAPI, and shows the first copy until both replicas are up-to-date. */
export async function protectThroughXapi(lab: Lab, vm: string, host: string, screen: Screen): Promise<void> {
  const uuid = lab.hosts[0]?.uuid ?? ''
  const words = ['host-call-plugin', `host-uuid=${uuid}`, 'plugin=holdfast', 'fn=protect', `args:vm=${vm}`, 'args:level=redirect']
  screen.line(`$ xe ${words.join(' ')}`)
  const { exit, stdout, stderr } = await lab.xe(words)
  if (exit !== 0) throw new Error(`the plug-in refused to protect the VM: ${stderr.trim()}`)
  screen.line(stdout.trim().replaceAll(',', ', '))
  const progress = screen.progress('first copy')
  try {
    await untilCopied(lab, vm, host, progress)
  } finally {
    progress.end()
  }
}

async function untilCopied(lab: Lab, vm: string, host: string, progress: Progress): Promise<void> {
  let total = 1
  for (const end = Date.now() + LIMIT_MS; Date.now() < end;) {
    await pause(POLL_MS)
    const status = await statusOn(lab, host, vm)
    if (status === null) continue
    const copy = copied(status)
    if (copy !== null) {
      total = copy.totalBytes
      progress.show(copy.doneBytes, total, copy.text)
    }
    if (isRedundant(status)) {
      progress.show(total, total, 'both replicas are up-to-date')
      return
    }
  }
  throw new Error(`gave up after ${LIMIT_MS / 1000} s: the first copy of the VM's disk is complete`)
}

function copied({ disks }: VmStatus): { doneBytes: number; totalBytes: number; text: string } | null {
  const [resync] = disks.flatMap((disk) => disk.resync ?? [])
  if (resync === undefined) return null
  const { doneBytes, totalBytes, bytesPerSecond, etaSeconds } = resync
  const rate = `${Math.round(bytesPerSecond / MIB)} MiB/s`
  const left = etaSeconds === null ? '' : `, ${Math.ceil(etaSeconds)} s left`
  return { doneBytes, totalBytes, text: `${Math.round(doneBytes / MIB)} of ${Math.round(totalBytes / MIB)} MiB, ${rate}${left}` }
}
