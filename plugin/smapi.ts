/** SMAPIv3: one executable behind every name in volume/holdfast and datapath/holdfast. JSON in, JSON out. */
import { asker, daemonSocket } from '../lib/dom0/daemon-client'
import { boundedInput } from '../lib/dom0/bounded-input'
import { INPUT_BYTES_MAX, runStorageCall, STORAGE_LIMIT_MS } from '../lib/dom0/smapi/run-call'
import { PRODUCT_VERSION } from './product-version'

async function main(): Promise<void> {
  const input = await boundedInput(process.stdin, INPUT_BYTES_MAX, STORAGE_LIMIT_MS)
  const ask = asker(daemonSocket(process.env), STORAGE_LIMIT_MS)
  const { exit, output } = await runStorageCall(process.argv[1] ?? '', input, ask, PRODUCT_VERSION)
  process.exitCode = exit
  process.stdout.write(output)
}

void main()
