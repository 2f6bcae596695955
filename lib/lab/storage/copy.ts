/** Copying the content of one disk over another, by Debian's qemu-img, which speaks both raw files and NBD. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ApiError } from '../contract'
import { type DiskSource } from './driver'

export function addressOf(source: DiskSource): string {
  if (source.kind === 'file') return source.path
  return `nbd+unix:///${encodeURIComponent(source.exportName)}?socket=${source.socket}`
}

/** `onProgress` gets fractions from 0 to 1. The target must exist and be large enough. */
export async function copyDisk(from: DiskSource, to: DiskSource, onProgress: (fraction: number) => void): Promise<void> {
  const argv = ['convert', '-n', '-p', '-f', 'raw', '-O', 'raw', addressOf(from), addressOf(to)]
  const copier = spawn('qemu-img', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let complaint = ''
  copier.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  copier.stdout.on('data', (chunk: Buffer) => {
    const percent = /\((\d+\.\d+)\/100%\)\s*$/.exec(chunk.toString())?.[1]
    if (percent !== undefined) onProgress(Number(percent) / 100)
  })
  const [code, signal] = (await once(copier, 'close')) as [number | null, string | null]
  if (code !== 0) throw new ApiError('SR_BACKEND_FAILURE', 'CopyFailed', String(code ?? signal), complaint.trim())
}
