import { asker, daemonSocket } from '../lib/dom0/api/daemon-client'
import { boundedInput } from '../lib/dom0/system/bounded-input'
import { INPUT_BYTES_MAX, runStorageCall, STORAGE_LIMIT_MS, type StorageCalls } from '../lib/dom0/smapi/run-call'
import { PRODUCT_VERSION } from './product-version'

/** SMAPIv3: one executable stands behind every name of a plug-in's folder. JSON in, JSON out. */
export async function storageCall(calls: StorageCalls): Promise<void> {
  const input = await boundedInput(process.stdin, INPUT_BYTES_MAX, STORAGE_LIMIT_MS)
  const ask = asker(daemonSocket(process.env), STORAGE_LIMIT_MS)
  const { exit, output } = await runStorageCall(calls, process.argv[1] ?? '', input, ask, PRODUCT_VERSION)
  process.exitCode = exit
  process.stdout.write(output)
}
