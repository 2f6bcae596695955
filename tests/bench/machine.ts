import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { runToEnd } from './child'

/** Where figures were measured; without it they say nothing. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly system: string
  /** 'none' on bare metal. */
  readonly virtualisation: string
  readonly node: string
  readonly qemu: string
  readonly fio: string
}

export async function thisMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
    virtualisation: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'virtual machine' : 'none',
    node: process.version,
    qemu: firstLine(await runToEnd('qemu-storage-daemon', ['--version'])).replace(/^\S+ version (\S+).*/, '$1'),
    fio: firstLine(await runToEnd('fio', ['--version'])).replace(/^fio-/, ''),
  }
}

const firstLine = (text: string): string => text.split('\n')[0] ?? ''
