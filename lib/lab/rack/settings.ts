/** lab.json: what `up` decided, read by the rack, by every later command and by `down`. */
import { readFileSync } from 'node:fs'
import type { ConfigGiven } from '../../wire/config'
import type { PoolDescription } from '../contract'
import { BadRequest } from '../faults/fault'
import { isErrno } from './process'

export interface LabSettings {
  readonly format: 1
  /** Made by an ordinary user: commands enter the lab's user namespace first. */
  readonly userNamespace: boolean
  readonly pool: PoolDescription
  /** The folder with rack.js, disk.js, xapi.js ... */
  readonly labBin: string
  /** The witness's executable; null: a lab without a witness. */
  readonly witness: string | null
  /** The product is installed and nothing more: no key, no configuration, and a witness that has no key. */
  readonly isBare: boolean
  /** packaging/install.sh; null: hosts without the product. */
  readonly installer: string | null
  /** The guest's kernel and initrd, seen in each host at /opt/lab/guest; null: none. */
  readonly guest: string | null
  /** Each host has a power switch that the product may use. */
  readonly bmc: boolean
  /** A second witness beside the first. */
  readonly alternate: boolean
  /** Settings in config.json beside those that the lab needs. */
  readonly config: Partial<ConfigGiven>
}

/** @returns null if there is no lab */
export function readSettings(marker: string): LabSettings | null {
  let text: string
  try {
    text = readFileSync(marker, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
  let settings: unknown
  try {
    settings = JSON.parse(text)
  } catch (error) {
    // A crash of `up` in the middle of writing it; `down` needs no more than that the file is there.
    if (error instanceof SyntaxError) return null
    throw error
  }
  if (!isSettings(settings))
    throw new BadRequest(`${marker} was written by another version of the lab; remove that directory by hand`)
  return settings
}

function isSettings(value: unknown): value is LabSettings {
  return (
    typeof value === 'object' && value !== null && 'format' in value && value.format === 1 && 'pool' in value && 'labBin' in value
  )
}
