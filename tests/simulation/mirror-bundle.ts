import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = resolve(__dirname, '../..')

/** A rule of production code, switched off in its source text. */
export interface Mutation {
  readonly rule: string
  /** Path from the top of the tree. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Bundle {
  readonly file: string
  readonly remove: () => void
}

/** `pool`: whole hosts. `mirror`: a pair of hosts and one disk. `lockstep`: a pair of hosts and one guest. */
export type WorldName = 'mirror' | 'pool' | 'lockstep'

export const bundleMirror = (mutations: readonly Mutation[] = [], root = ROOT): Promise<Bundle> =>
  bundleWorld('mirror', mutations, root)

/** A simulator as one file for a thread, with production code as it is or with some of its rules switched off. */
export async function bundleWorld(world: WorldName, mutations: readonly Mutation[] = [], root = ROOT): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sim-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const file = join(folder, 'seed-thread.cjs')
  try {
    await build({
      ...{ entryPoints: [join(root, `tests/simulation/${world}/seed-thread.ts`)], outfile: file },
      ...{ bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'silent' },
      plugins: [mutating(mutations, root)],
    })
  } catch (error) {
    remove()
    throw error
  }
  return { file, remove }
}

function mutating(mutations: readonly Mutation[], root: string): Plugin {
  return {
    name: 'mutating',
    setup(plugin) {
      const left = new Set(mutations)
      plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const here = mutations.filter(({ file }) => file === relative(root, path))
        if (here.length === 0) return null
        let contents = readFileSync(path, 'utf8')
        for (const mutation of here) {
          contents = mutated(contents, mutation)
          left.delete(mutation)
        }
        return { contents, loader: 'ts' }
      })
      plugin.onEnd(() => ({
        errors: [...left].map(({ rule, file }) => ({ text: `${rule}: ${file} is not part of the simulator` })),
      }))
    },
  }
}

/** A text that is not found, or found twice, has been changed since: the rule must be looked up again. */
function mutated(source: string, { rule, file, find, replace }: Mutation): string {
  const pieces = source.split(find)
  if (pieces.length !== 2) throw new Error(`${rule}: its text stands ${pieces.length - 1} times in ${file}`)
  return pieces.join(replace)
}
