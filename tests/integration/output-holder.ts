/** A process that holds the output of a machine until it is killed, and tells the first frame: its monitor, and a folder for sockets. */
import { qemuOutput } from '../../lib/dom0/qemu/qemu-output'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { GuestFrame } from '../../lib/ports/guest-output'

const [monitor = '', folder = ''] = process.argv.slice(2)

async function hold(): Promise<void> {
  const qmp = await Qmp.open(monitor, 10_000)
  const failed = (error: string): void => void process.stderr.write(`${error}\n`)
  let isTold = false
  const sent = ({ bytes }: GuestFrame): void => {
    if (!isTold) process.stdout.write(`${bytes.toString('hex')}\n`)
    isTold = true
  }
  await qemuOutput({ qmp, folder })({ sent, came: () => undefined, failed })
}

void hold()
