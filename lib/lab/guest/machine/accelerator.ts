import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { textOf } from './domain-store'
import { hasCode } from './has-code'

export type Accelerator = 'kvm' | 'tcg'

const BOOT_MS = 10_000

/**
 * KVM where a kernel really boots with it, else emulation. A /dev/kvm that opens proves nothing: nested or filtered ones open and
 * then run no guest. The finding is kept beside the kernel until the machine is booted again.
 */
export async function findAccelerator(kernel: string, qemu: string): Promise<Accelerator> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const record = join(dirname(kernel), 'accelerator')
  const known = /^(\S+) (kvm|tcg)$/.exec(await textOf(record))
  if (known?.[1] === boot) return known[2] === 'kvm' ? 'kvm' : 'tcg'
  const accelerator = (await kernelSpeaks(kernel, qemu)) ? 'kvm' : 'tcg'
  try {
    await writeFile(record, `${boot} ${accelerator}`)
  } catch (error) {
    if (!hasCode(error, 'EROFS') && !hasCode(error, 'EACCES')) throw error
  }
  return accelerator
}

/** Whether the kernel prints its first line under KVM before it fails for want of a root file system. */
function kernelSpeaks(kernel: string, qemu: string): Promise<boolean> {
  const machine = [
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-m',
    '128M',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-no-reboot',
  ]
  const child = spawn(qemu, [...machine, '-serial', 'stdio', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return new Promise((resolve, reject) => {
    let text = ''
    let speaks = false
    const timer = setTimeout(() => child.kill('SIGKILL'), BOOT_MS)
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString('latin1')
      if (!speaks && text.includes('Linux version')) {
        speaks = true
        child.kill('SIGKILL')
      }
    })
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', () => {
      clearTimeout(timer)
      resolve(speaks)
    })
  })
}
