/** `holdfast-standby` of a lab host, on the same records as its toolstack, and through it where more is needed than a machine. */
import { createDomainManager } from '../../lib/lab/guest/domain-manager'
import { NoToolstack, runStandbyCommand } from '../../lib/lab/guest/standby-command'
import { HostFiles } from '../../lib/lab/xapi/host/files'
import { LinkDown, post, readInternal } from '../../lib/lab/xapi/host/link'
import type { Value } from '../../lib/lab/contract'

const XAPI = { address: '127.0.0.1', port: 80 }
const CONNECT_MS = 1000

async function ask(operation: string, args: { [key: string]: Value }): Promise<Value> {
  const headers = { 'content-type': 'application/json', 'x-pool-token': new HostFiles('/').poolSecret() }
  try {
    const body = JSON.stringify({ operation, args })
    return readInternal(await post(XAPI, { path: '/lab/agent', headers, body, connectMs: CONNECT_MS }))
  } catch (error) {
    throw error instanceof LinkDown ? new NoToolstack(`the toolstack does not answer: ${error.message}`) : error
  }
}

runStandbyCommand(process.argv.slice(2), { standbys: createDomainManager().standbys, ask }).then(
  ({ exit, stdout, stderr }) => {
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    process.exitCode = exit
  },
  (error: unknown) => {
    process.stderr.write(`holdfast-standby: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
