import { CommandFailed, run } from '../command'

/** Makes a tap device on a bridge, in the network namespace this process is in. */
export async function addTap(name: string, bridge: string): Promise<void> {
  await removeTap(name)
  await run(['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap'])
  try {
    await run(['ip', 'link', 'set', 'dev', name, 'master', bridge, 'up'])
  } catch (error) {
    await removeTap(name)
    throw error
  }
}

/** As `ip` says it of what was never there, and the kernel of what went meanwhile. */
const GONE = ['Cannot find device', 'No such device']

/** Removes the device if it is there. */
export async function removeTap(name: string): Promise<void> {
  try {
    await run(['ip', 'link', 'del', 'dev', name])
  } catch (error) {
    if (!(error instanceof CommandFailed) || !GONE.some((words) => error.message.includes(words))) throw error
  }
}

/** The tap devices of a domain. Asked of `ip`: a mounted /sys may belong to another network namespace. */
export async function tapsOf(domid: number): Promise<string[]> {
  const lines = (await run(['ip', '-oneline', 'link'])).split('\n')
  return lines.map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? '').filter((name) => name.startsWith(`vif${domid}.`))
}
