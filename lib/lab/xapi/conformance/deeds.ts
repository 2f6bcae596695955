/** What the recorder did to the machines between the calls, done to the lab's pool. */
import { execFileSync } from 'node:child_process'
import type { LoopbackHost, LoopbackPool } from './loopback-pool'
import type { Step } from './recording'

const FILES_ONLY = /^(?:sh -c '([^']*)'|((?:rm|rmdir|mkdir) .*))$/u

export async function repeatDeed(step: Step, pool: LoopbackPool): Promise<void> {
  const { command } = step.members
  if (typeof command !== 'string') return
  const found = /^\.\/(host-stop|host-start|in)\.sh (\d)(?: (.*))?$/su.exec(command)
  const host = pool.hosts[Number(found?.[2]) - 1]
  if (found === null || host === undefined) return
  if (found[1] === 'host-stop') await pool.cutPower(host)
  else if (found[1] === 'host-start') await pool.powerOn(host)
  else if (step.name.endsWith('restarted')) await restart(pool, host)
  else changeFiles(host, found[3] ?? '')
}

async function restart(pool: LoopbackPool, host: LoopbackHost): Promise<void> {
  await pool.powerOff(host)
  await pool.powerOn(host)
}

/** A command on files below /etc/xapi.d of one host. */
function changeFiles({ root }: LoopbackHost, command: string): void {
  const found = FILES_ONLY.exec(command)
  const words = found?.[1] ?? found?.[2]
  if (!words?.includes('/etc/xapi.d/')) return
  execFileSync('sh', ['-c', words.replaceAll('/etc/xapi.d/', `${root}/etc/xapi.d/`)])
}
