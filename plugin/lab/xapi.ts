/** The lab's xapi of one host. It stops cleanly on SIGTERM; guests go on without it. */
import { join } from 'node:path'
import { Command } from 'commander'
import { createDomainManager } from '../../lib/lab/guest/domain-manager'
import { XapiHost } from '../../lib/lab/xapi/host/xapi-host'
import { storageMethods } from '../../lib/lab/xapi/storage'
import { vmMethods } from '../../lib/lab/xapi/vm'
import { createHostOperations } from '../../lib/lab/xapi/vm/host-operations'

interface Options {
  readonly root: string
  readonly port: string
  readonly listen: string
  readonly socket?: string
}

const domainsUnder = (root: string): ReturnType<typeof createDomainManager> =>
  createDomainManager({
    ...{ stateDir: join(root, 'run/xen-lab'), socketDir: join(root, 'var/run/xen'), memoryDir: join(root, 'dev/shm') },
  })

const log = (message: string): void => {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`)
}

async function main(): Promise<void> {
  const program = new Command('xapi')
    .option('--root <folder>', 'what stands for the root of the host', '/')
    .option('--port <number>', 'TCP port, the same on all hosts of the pool', '80')
    .option('--listen <address>', 'address to listen on', '0.0.0.0')
    .option('--socket <path>', 'unix socket (default: var/lib/xcp/xapi under the root)')
    .parse()
  const { root, port, listen, socket } = program.opts<Options>()
  process.umask(0o022)
  const host = new XapiHost({
    ...{ root, port: Number(port), listen, socketPath: socket ?? join(root, 'var/lib/xcp/xapi') },
    methods: { ...vmMethods, ...storageMethods },
    hostPart: (parts) => {
      const domains = domainsUnder(root)
      return createHostOperations({ ...parts, domains, standbys: domains.standbys, log })
    },
    log,
  })
  process.once('SIGTERM', () => void host.stop().then(() => process.exit(0)))
  await host.start()
}

void main()
