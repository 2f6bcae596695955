import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(__dirname, '..', '..', 'packaging', 'native.mjs')

const folder = mkdtempSync(join(tmpdir(), 'holdfast-native-'))
process.once('exit', () => rmSync(folder, { recursive: true }))

/** The addon, built by the compiler of this machine. */
export const ADDON = join(folder, 'holdfast-io.node')

const { stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ADDON], { encoding: 'utf8' })

/** Why there is none; empty when there is one. */
export const NO_NATIVE = existsSync(ADDON) ? '' : `${stdout}${stderr}`.trim()
