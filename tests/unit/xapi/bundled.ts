import { buildSync } from 'esbuild'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Shipped from './shipped'

const ENTRY = join(__dirname, 'shipped.ts')

/** The XAPI client as it is shipped, in one file: jest cannot load xen-api, which is an ES module. */
export function bundled(): typeof Shipped {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-xapi-bundle-'))
  try {
    const outfile = join(folder, 'connect.cjs')
    buildSync({
      entryPoints: [ENTRY],
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      outfile,
      logLevel: 'warning',
    })
    return createRequire(__filename)(outfile) as typeof Shipped
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
