/** `disk.js BACKING INIT_PID MOUNTPOINT`: one host's disk, started by the rack, which sends the fault rules. */
import { openSync } from 'node:fs'
import { isDiskRules } from '../../lib/lab/disk/rules'
import { mountIn } from '../../lib/lab/disk/mount'
import { DiskServer } from '../../lib/lab/disk/server'

async function main(): Promise<void> {
  const [backing, initPid, mountPoint] = process.argv.slice(2)
  if (backing === undefined || initPid === undefined || mountPoint === undefined || process.send === undefined) {
    throw new Error('usage: disk.js BACKING INIT_PID MOUNTPOINT, with a channel to the rack')
  }
  const device = openSync('/dev/fuse', 'r+')
  const server = new DiskServer(device, backing)
  process.on('message', (rules) => {
    if (!isDiskRules(rules)) throw new Error(`not rules: ${JSON.stringify(rules)}`)
    server.setRules(rules)
    process.send?.('rules-set')
  })
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  await mountIn(Number(initPid), device, mountPoint)
  process.send('mounted')
  await server.run()
  process.disconnect()
}

void main()
