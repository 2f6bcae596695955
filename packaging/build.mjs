/**
 * Builds every executable as one file that needs nothing beside Node: dist/dom0 for hosts (run by the Node that is installed with
 * them, because dom0's PATH is fixed), dist/lab for a developer's machine; dist/lib holds what both load if it is there.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { licenceNotices } from './licences.mjs'
import { buildNative } from './native.mjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

const DOM0 = {
  holdfastd: 'plugin/daemon.ts',
  'holdfast-watchdog': 'plugin/watchdog.ts',
  'holdfast-worker': 'plugin/vm-worker.ts',
  'holdfast-front': 'plugin/nbd-front.ts',
  'holdfast-witness': 'plugin/holdfast-witness.ts',
  holdfast: 'plugin/holdfast.ts',
  'xapi-plugin': 'plugin/xapi-plugin.ts',
  'xapi-hook': 'plugin/xapi-hook.ts',
  'smapi-volume': 'plugin/volume/main.ts',
  'smapi-datapath': 'plugin/datapath/main.ts',
}
const labEntries = readdirSync(join(ROOT, 'plugin/lab')).filter((name) => name.endsWith('.ts'))
const LAB = Object.fromEntries(
  labEntries.map((name) => [name === 'holdfast.ts' ? 'holdfast' : `${basename(name, '.ts')}.js`, `plugin/lab/${name}`]),
)

const TARGETS = [
  ...Object.entries(DOM0).map(([name, entry]) => ({ out: join('dist/dom0', name), entry, node: '/opt/holdfast/bin/node' })),
  ...Object.entries(LAB).map(([name, entry]) => ({ out: join('dist/lab', name), entry, node: '/usr/bin/env node' })),
]

async function make({ out, entry, node }) {
  const outfile = join(ROOT, out)
  const { outputFiles, metafile } = await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    banner: { js: `#!${node}` },
    define: { 'process.env.HOLDFAST_VERSION': JSON.stringify(version) },
    logLevel: 'silent',
    write: false,
    metafile: true,
    absWorkingDir: ROOT,
  })
  // Renamed into place: what is being run right now keeps its file.
  writeFileSync(`${outfile}.new`, outputFiles[0].contents)
  chmodSync(`${outfile}.new`, 0o755)
  renameSync(`${outfile}.new`, outfile)
  return Object.keys(metafile.inputs)
}

function removeStrangers(folder, names) {
  mkdirSync(join(ROOT, folder), { recursive: true })
  for (const name of readdirSync(join(ROOT, folder))) {
    if (!names.includes(name) && !name.endsWith('.new')) rmSync(join(ROOT, folder, name), { recursive: true })
  }
}

removeStrangers('dist/dom0', Object.keys(DOM0))
removeStrangers('dist/lab', Object.keys(LAB))
const present = TARGETS.filter(({ entry }) => existsSync(join(ROOT, entry)))
const missing = TARGETS.filter((target) => !present.includes(target))
const results = await Promise.allSettled(present.map(make))
const withoutNative = buildNative(join(ROOT, 'dist/lib'))
const failures = results.flatMap((result, index) =>
  result.status === 'rejected' ? [`${present[index].entry}: ${result.reason}`] : [],
)
const inputs = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
writeFileSync(join(ROOT, 'dist/THIRD-PARTY-LICENCES.txt'), licenceNotices(ROOT, inputs))
for (const { entry } of missing) console.error(`not built: ${entry} does not exist`)
for (const failure of failures) console.error(failure)
if (withoutNative !== '') console.log(`without the addons, so mirrors will be slower: ${withoutNative}`)
console.log(`built ${present.length - failures.length} executables of version ${version} in dist`)
process.exitCode = failures.length + missing.length === 0 ? 0 : 1
