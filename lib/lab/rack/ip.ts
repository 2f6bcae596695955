/** iproute2 on the lab's switch (the rack's own network namespace). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * @param batch lines for `ip -batch`; an error names the line that failed
 * @param expected a complaint that is no error; all lines are then performed
 */
export async function ipBatch(batch: string, expected?: string): Promise<void> {
  const child = spawn('ip', [...(expected === undefined ? [] : ['-force']), '-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  const complaints: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
  child.stdin.end(batch)
  const [code] = (await once(child, 'close')) as [number | null]
  const said = Buffer.concat(complaints).toString().trim().split('\n')
  const serious = said.filter((line) => expected === undefined || !(line.includes(expected) || line.startsWith('Command failed')))
  if (code !== 0 && serious.length > 0) throw new Error(`ip failed: ${serious.join('; ')}\n${batch}`)
}
