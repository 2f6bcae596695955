import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** `node_modules/a/node_modules/@b/c/x.js` -> `node_modules/a/node_modules/@b/c`; undefined for a file of ours. */
const packageOf = (input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]

/**
 * The notices of every package of which code is in the executables, as their licences ask of who passes copies on. Throws when a
 * package has neither a licence file nor a named licence.
 */
export function licenceNotices(root, inputs) {
  const folders = [...new Set(inputs.map(packageOf))].filter((folder) => folder !== undefined).sort()
  const notices = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each))
    if (file === undefined && license === undefined) throw new Error(`${folder} has no licence`)
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(root, folder, file), 'utf8').trim()
    return `${name} ${version}\n\n${text}\n`
  })
  return `Holdfast's executables contain code of these packages.\n\n${[...new Set(notices)].join(`\n${'-'.repeat(72)}\n\n`)}`
}
