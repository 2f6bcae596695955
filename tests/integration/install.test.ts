import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { DATAPATH_CALLS } from '../../lib/dom0/smapi/datapath-calls'
import { VOLUME_CALLS } from '../../lib/dom0/smapi/volume-calls'
import { installInto } from './installed-host'

const TOP = join(__dirname, '..', '..')
/** One line per path of the list, without what files are made from: `0755 /etc/holdfast/`, `link /a -> b`. */
let LISTED: readonly string[] = []
const listed = (use = 'pool'): string[] =>
  readFileSync(join(TOP, 'packaging/install-layout.txt'), 'utf8')
    .split(/^for /m)
    .flatMap((part, at) => (at === 0 ? part : part.startsWith(use) ? part.slice(use.length) : '').split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'))
    .filter((line) => !line.includes(' <? ') || existsSync(join(TOP, line.split(' <? ')[1] ?? '')))
    .map((line) => line.replace(/ <[-?] .*/, ''))

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-install-'))
  installInto(root)
  LISTED = listed()
}, 60_000)
afterAll(() => rmSync(root, { recursive: true }))

/** What is there, in the list's form. Folders count when they are listed or empty; the rest only lead to something. */
function installed(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    const shown = `/${relative(folder, path)}`
    const mode = (lstatSync(path).mode & 0o7777).toString(8).padStart(4, '0')
    if (entry.isSymbolicLink()) return [`link ${shown} -> ${readlinkSync(path)}`]
    if (!entry.isDirectory()) return [`${mode} ${shown}`]
    const line = `${mode} ${shown}/`
    return LISTED.includes(line) || readdirSync(path).length === 0 ? [line] : []
  })
}

test('what is installed is what is listed', () => {
  expect(installed(root).sort()).toEqual([...LISTED].sort())
})
test('a machine of a pair gets the command, the worker and the witness, and nothing of a pool', () => {
  const pair = mkdtempSync(join(tmpdir(), 'holdfast-install-'))
  const { status } = spawnSync(join(TOP, 'packaging/install.sh'), ['--root', pair, '--for', 'pair'])
  expect(status).toBe(0)
  const files = installed(pair)
  expect(files.sort()).toEqual(listed('pair').sort())
  expect(files.filter((line) => /xapi|smapi|holdfastd/.test(line))).toEqual([])
  expect(files.filter((line) => line.includes('holdfast-mirror@.service'))).toHaveLength(1)
  rmSync(pair, { recursive: true })
})
test('a second installation over the first changes nothing', () => {
  installInto(root)
  expect(installed(root).sort()).toEqual([...LISTED].sort())
})
test('every link leads to an executable file inside the root', () => {
  for (const line of LISTED.filter((each) => each.startsWith('link '))) {
    const [, path = '', , target = ''] = line.split(' ')
    const aim = join(dirname(path), target)
    expect(LISTED).toContain(aim.endsWith('.service') ? `0644 ${aim}` : `0755 ${aim}`)
    if (!aim.endsWith('.service')) expect(statSync(join(root, path)).mode & 0o111).toBe(0o111)
  }
})
test('every storage call has its link, and no link lacks its call', () => {
  const linked = (folder: string): string[] =>
    LISTED.flatMap((line) => new RegExp(`^link .*/${folder}/holdfast/(\\S+) `).exec(line)?.[1] ?? []).sort()
  expect(linked('volume')).toEqual(Object.keys(VOLUME_CALLS).sort())
  expect(linked('datapath')).toEqual(Object.keys(DATAPATH_CALLS).sort())
})
test('executables are one file each, run by the installed Node, and name no package they would need', () => {
  const bin = join(root, 'opt/holdfast/bin')
  for (const name of readdirSync(bin).filter((each) => each !== 'node')) {
    const text = readFileSync(join(bin, name), 'utf8')
    expect(text.slice(0, text.indexOf('\n'))).toBe('#!/opt/holdfast/bin/node')
    const loaded = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1] ?? '')
    expect({ name, loaded: loaded.length }).not.toEqual({ name, loaded: 0 })
    const strangers = loaded.filter((each) => !isBuiltin(each))
    expect({ name, strangers }).toEqual({ name, strangers: [] })
  }
})
test('the command and the witness start from there', () => {
  const node = join(root, 'opt/holdfast/bin/node')
  for (const name of ['holdfast', 'holdfast-witness']) {
    const { status, stdout, stderr } = spawnSync(node, [join(root, 'opt/holdfast/bin', name), '--help'], {
      encoding: 'utf8',
      cwd: '/',
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Usage: ${name}`)
  }
})
test('installing needs a root and something built', () => {
  const run = (...args: string[]) => spawnSync(join(TOP, 'packaging/install.sh'), args, { encoding: 'utf8' })
  expect(run().status).toBe(64)
  expect(run('--root').status).toBe(64)
  expect(run('--root', root, '--for', 'fun').status).toBe(64)
  expect(run('--frobnicate', 'x').status).toBe(64)
  expect(run('--root', root, '--node', '/nonexistent/node')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('no Node found') as unknown,
  })
})
