/** Mounts the disk inside a host: the file system belongs to the host's mount namespace, its server stays outside. */
import { spawn } from 'node:child_process'

/** @param initPid a process of the host, as /proc numbers it here */
export async function mountIn(initPid: number, device: number, mountPoint: string): Promise<void> {
  const options = `fd=3,rootmode=40000,user_id=0,group_id=0,allow_other`
  const mount = ['mount', '-n', '-i', '-t', 'fuse', '-o', options, 'holdfast-lab-disk', mountPoint]
  const child = spawn('nsenter', ['--target', String(initPid), '--mount', '--', ...mount], {
    stdio: ['ignore', 'inherit', 'inherit', device],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`mount of the disk ended with ${String(code)}`))))
  })
}
