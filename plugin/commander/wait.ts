import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Refusal } from '../../lib/core/domain/errors'
import type { Ask } from '../../lib/dom0/api/daemon-client'
import type { DiskStatus, VmStatus } from '../../lib/wire/daemon-api'
import { bytes, duration } from './quantities'
import { copying } from './status'
import type { CommandWorld, Terminal } from './terminal'

const POLL_MS = 500
/** A daemon that restarts is back long before; the copy goes on without it. */
const SILENT_POLLS_MAX = 60

/** Polls until the VM has all the copies its level wants. Rejects when it lost its level meanwhile, or the daemon stays silent. */
export async function waitUntilProtected(vm: string, { ask, terminal }: CommandWorld): Promise<void> {
  const progress = terminal.progress === null ? progressLines(terminal) : progressBar(terminal.progress)
  try {
    for (let silentPolls = 0; ;) {
      const status = await statusOf(vm, ask, silentPolls)
      silentPolls = status === null ? silentPolls + 1 : 0
      if (status !== null) progress.show(status)
      if (status?.health === 'protected') return
      if (status?.health === 'unprotected') throw new Refusal('HOLDFAST_NOT_PROTECTED', { vm })
      await sleep(POLL_MS)
    }
  } finally {
    progress.end()
  }
}

/** Null while the daemon does not answer. */
async function statusOf(vm: string, ask: Ask, silentPolls: number): Promise<VmStatus | null> {
  try {
    const { vms } = await ask('status', { vm })
    const status = vms.find((each) => each.vm === vm)
    if (status === undefined) throw new Refusal('HOLDFAST_UNKNOWN_VM', { vm })
    return status
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_DAEMON_UNREACHABLE' || silentPolls >= SILENT_POLLS_MAX)
      throw error
    return null
  }
}

interface Progress {
  show(status: VmStatus): void
  end(): void
}

const sums = (disks: readonly DiskStatus[]) => {
  const running = disks.flatMap(({ resync }) => (resync === null ? [] : [resync]))
  const etas = running.map(({ etaSeconds }) => etaSeconds)
  return {
    doneBytes: running.reduce((sum, { doneBytes }) => sum + doneBytes, 0),
    totalBytes: running.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    bytesPerSecond: running.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0),
    left: etas.length === 0 || etas.includes(null) ? '' : `, ${duration(Math.max(...etas.map(Number)))} left`,
  }
}

function progressBar(stream: NodeJS.WriteStream): Progress {
  const format = '{state} [{bar}] {percentage} %  {done} of {all}, {rate}/s{left}'
  const bar = new SingleBar({ format, stream, barsize: 24, hideCursor: true, linewrap: false, clearOnComplete: false })
  bar.start(1, 0, { state: 'starting', done: bytes(0), all: '?', rate: bytes(0), left: '' })
  return {
    show({ health, disks }) {
      const { doneBytes, totalBytes, bytesPerSecond, left } = sums(disks)
      if (health === 'protected') {
        bar.update(bar.getTotal(), { state: health, left: '' })
        return
      }
      if (totalBytes > 0) bar.setTotal(totalBytes)
      bar.update(doneBytes, { state: health, done: bytes(doneBytes), all: bytes(totalBytes), rate: bytes(bytesPerSecond), left })
    },
    end: () => bar.stop(),
  }
}

/** For a log or a pipe: one line whenever something worth a line has changed. */
function progressLines(terminal: Terminal): Progress {
  let last = ''
  return {
    show({ health, reason, disks }) {
      const { doneBytes, totalBytes } = sums(disks)
      const tenth = totalBytes === 0 ? 0 : Math.floor((10 * doneBytes) / totalBytes)
      const key = `${health} ${tenth} ${copying(disks) === null ? reason : ''}`
      if (key !== last) terminal.err(`${[health, copying(disks) ?? reason].filter((part) => part !== '').join(': ')}\n`)
      last = key
    },
    end: () => undefined,
  }
}
