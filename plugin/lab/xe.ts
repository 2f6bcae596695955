/** xe for a host of the lab, over its own unix socket. */
import { runXe } from '../../lib/lab/xe/run-xe'

const SOCKET = '/var/lib/xcp/xapi'

async function main(): Promise<void> {
  const { exit, stdout, stderr } = await runXe(process.argv.slice(2), process.env['XE_SOCKET'] ?? SOCKET)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = exit
}

void main()
