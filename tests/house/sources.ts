import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export const ROOT = join(__dirname, '..', '..')

export interface Source {
  /** Path from the top of the tree. */
  readonly path: string
  readonly text: string
}

/** Every TypeScript file below the given folders. */
export function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => {
        const file = join(entry.parentPath, entry.name)
        return { path: relative(ROOT, file), text: readFileSync(file, 'utf8') }
      }),
  )
}
