/** The lab's own programs built into a temporary folder, and labs in directories short enough for sockets. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from '../house/sources'

const COMMON = { bundle: true, platform: 'node', target: 'node20', logLevel: 'error' } as const

export interface LabBuild {
  readonly folder: string
  readonly labBin: string
  remove(): void
}

const COMMAND = `
import { Command } from 'commander'
import { registerLab } from './plugin/lab'
const program = new Command('holdfast')
registerLab(program)
void program.parseAsync()
`

/** Without the product and the lab's xapi: the rack, the disk, and \`holdfast lab\` as holdfast.js. */
export async function buildRack(): Promise<LabBuild> {
  const folder = mkdtempSync(join(tmpdir(), 'rack-'))
  const labBin = join(folder, 'bin', 'lab')
  await build({
    ...COMMON,
    entryPoints: ['rack', 'disk'].map((name) => join(ROOT, 'plugin/lab', `${name}.ts`)),
    outdir: labBin,
  })
  await build({
    ...COMMON,
    stdin: { contents: COMMAND, resolveDir: ROOT },
    outfile: join(labBin, 'holdfast.js'),
  })
  return { folder, labBin, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
