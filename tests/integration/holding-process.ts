import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { until } from './guest-rig'
import { numberOf } from './sending-machine'

const HEAD_BYTES = 8

/** A process that holds a machine's output, and the number of the first frame that it holds. */
export async function holdingProcess(monitor: string, folder: string): Promise<{ holder: ChildProcess; first: number }> {
  const script = join(folder, 'holder.js')
  const entry = join(__dirname, 'output-holder.ts')
  await build({ bundle: true, platform: 'node', target: 'node20', logLevel: 'silent', entryPoints: [entry], outfile: script })
  const holder = spawn(process.execPath, [script, monitor, folder])
  let told = ''
  let failed = ''
  holder.stdout.on('data', (text: Buffer) => (told += text.toString()))
  holder.stderr.on('data', (text: Buffer) => (failed += text.toString()))
  await until('a held frame', () => {
    if (failed !== '') throw new Error(failed)
    return told.endsWith('\n')
  })
  return { holder, first: numberOf(Buffer.from(told.trim(), 'hex').subarray(HEAD_BYTES)) }
}
