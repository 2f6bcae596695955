import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

/** Where addons are built with the executables. */
const FOLDER = join(__dirname, '..', 'lib')

/** By path; each file and connection asks for them. */
const loaded = new Map<string, object | null>()

/** Null where it was not built, or does not fit this Node: all works without, only slower. `calls`: what it has to offer. */
export function loadAddon(name: string, calls: readonly string[], folder = FOLDER): object | null {
  const path = join(folder, name)
  const known = loaded.get(path)
  if (known !== undefined) return known
  const found = load(path, calls)
  loaded.set(path, found)
  return found
}

function load(path: string, calls: readonly string[]): object | null {
  if (!existsSync(path)) return null
  const module = { exports: {} }
  try {
    // What it lacks is known now, not when it is called.
    process.dlopen(module, path, constants.dlopen.RTLD_NOW)
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
  const { exports } = module
  return calls.every((call) => call in exports) ? exports : null
}
