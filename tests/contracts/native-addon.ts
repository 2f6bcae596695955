import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(__dirname, '..', '..', 'packaging', 'native.mjs')

/** The addons, built by the compiler of this machine. */
export const ADDONS = mkdtempSync(join(tmpdir(), 'holdfast-native-'))
const remove = (): void => rmSync(ADDONS, { recursive: true })
// Within jest a file of tests has a `process` of its own, which never tells of the end.
if ('afterAll' in globalThis) afterAll(remove)
else process.once('exit', remove)

const { stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ADDONS], { encoding: 'utf8' })

/** Why there are none; empty when there are. */
export const NO_NATIVE = existsSync(join(ADDONS, 'holdfast-tls.node')) ? '' : `${stdout}${stderr}`.trim()

/** What `load` finds among them. */
export function built<Addon>(load: (folder: string) => Addon | null): Addon {
  const addon = load(ADDONS)
  if (addon === null) throw new Error('the addon was built and cannot be loaded')
  return addon
}
