/** A process that holds the output of a machine until it is killed: its monitor, and a folder for sockets. */
import { qemuOutput } from '../../lib/dom0/qemu/qemu-output'
import { Qmp } from '../../lib/dom0/qemu/qmp'

const [monitor = '', folder = ''] = process.argv.slice(2)

async function hold(): Promise<void> {
  const qmp = await Qmp.open(monitor, 10_000)
  const failed = (error: string): void => void process.stderr.write(`${error}\n`)
  await qemuOutput({ qmp, folder })({ sent: () => undefined, failed })
  process.stdout.write('holds\n')
}

void hold()
