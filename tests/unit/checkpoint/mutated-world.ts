import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import type { Outcome } from './world/run'

const ROOT = resolve(__dirname, '../../..')
const FOLDER = 'lib/core/checkpoint'

/** A rule of production code, switched off in its source text. */
export interface Tooth {
  readonly rule: string
  /** Known to show that it is missing. */
  readonly seed: number
  /** In lib/core/checkpoint. */
  readonly file: string
  /** Each stands there exactly once. */
  readonly changes: readonly (readonly [find: string, replace: string])[]
}

/** The world's `run` with production code in which a rule is switched off. */
export async function mutatedRun({ rule, file, changes }: Tooth): Promise<(seed: number) => Outcome> {
  const used: string[] = []
  const bundle = await build({
    ...{ entryPoints: [join(__dirname, 'world/run.ts')], write: false, bundle: true, platform: 'node', target: 'node20' },
    ...{ format: 'cjs', logLevel: 'silent' },
    plugins: [
      {
        name: 'mutating',
        setup: (plugin) =>
          plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (relative(ROOT, path) !== join(FOLDER, file)) return null
            used.push(path)
            return {
              contents: changes.reduce((text, change) => changed(rule, text, change), readFileSync(path, 'utf8')),
              loader: 'ts',
            }
          }),
      },
    ],
  })
  if (used.length === 0) throw new Error(`${rule}: ${file} is not part of the world`)
  return runOf(bundle.outputFiles[0]?.text ?? '')
}

/** A text that is not found, or found twice, has been changed since: the rule must be looked up again. */
function changed(rule: string, text: string, [find, replace]: readonly [string, string]): string {
  const pieces = text.split(find)
  if (pieces.length !== 2) throw new Error(`${rule}: its text stands ${pieces.length - 1} times`)
  return pieces.join(replace)
}

function runOf(source: string): (seed: number) => Outcome {
  const module = { exports: {} as { run: (seed: number) => Outcome } }
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  new Function('module', 'exports', source)(module, module.exports)
  return module.exports.run
}
