/** `holdfast lab` as a newcomer types it: as root, as an ordinary user, with mistakes, and killed in the middle. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildRack, type LabBuild } from './rack-build'
import { processesAbout, until } from './rack-eyes'

jest.setTimeout(60_000)

let built: LabBuild
beforeAll(async () => {
  built = await buildRack()
})
afterAll(() => built.remove())

interface Ended {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

function lab(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(built.labBin, 'holdfast.js'), 'lab', ...args], {
    encoding: 'utf8',
  })
  return { exit: status, stdout, stderr }
}

test('up, status, exec, fault, undo, down', () => {
  const dir = join(built.folder, 'a')
  const at = (...args: string[]): Ended => lab('--dir', dir, ...args)
  const up = at('up', '--hosts', '1', '--no-product', '--no-guest', '--time', 'promotionFuseMs=5')
  expect(up).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(/^A lab of 1 hosts runs at .*\n {2}h1 {2}10\.77\.0\.1 /) as string,
  })
  const pool: unknown = JSON.parse(at('exec', 'h1', '--', 'cat', '/etc/xensource/lab-pool.json').stdout)
  expect(pool).toMatchObject({ times: { promotionFuseMs: 5, promotionRestartMs: 1500 }, hosts: [{ name: 'h1' }] })
  expect(at('fault', 'disk', '--host', 'h1', '--ops', 'reads').stdout).toBe('h1: the whole disk: every read answers EIO\n')
  expect(JSON.parse(at('status', '--json').stdout)).toMatchObject({
    phase: 'ready',
    hosts: [{ name: 'h1', power: 'on', faults: { disk: [{ volume: null, ops: 'reads', error: 'EIO' }] } }],
  })
  expect(at('status').stdout).toMatch(/h1 .*10\.77\.0\.1.* on .*disk: reads EIO/)
  expect(at('exec', 'h1', '--', 'ls', '/srv')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('Input/output error') as string,
  })
  expect(at('fault', 'disk', '--host', 'h1', '--undo').exit).toBe(0)
  expect(at('exec', 'h1', '--', 'ls', '/srv').stdout).toBe('holdfast\n')
  expect(at('up', '--no-guest')).toMatchObject({ exit: 2, stderr: expect.stringContaining('runs at') as string })
  expect(at('down')).toMatchObject({ exit: 0, stdout: `The lab at ${dir} is gone\n` })
  expect(at('down')).toMatchObject({ exit: 0, stdout: `There is no lab at ${dir}\n` })
  expect(existsSync(dir)).toBe(false)
  expect(processesAbout(dir)).toEqual([])
})

test.each([
  [['status'], 2, /no lab at/],
  [['up', '--no-guest', '--hosts', 'many'], 2, /1 to 16 hosts/],
  [['up', '--no-guest', '--time', 'lunchMs=1'], 2, /name=milliseconds with one of: deadHostCallMs/],
  [['up', '--no-guest', '--dir', `/tmp/${'x'.repeat(90)}`], 2, /too long for sockets/],
])('%j is refused', (args, exit, text) => {
  const ended = args.includes('--dir') ? lab(...args) : lab('--dir', join(built.folder, 'b'), ...args)
  expect(ended).toMatchObject({ exit, stderr: expect.stringMatching(text) as string })
  expect(existsSync(join(built.folder, 'b'))).toBe(false)
})

test('an up that is killed in the middle leaves what down removes', async () => {
  const dir = join(built.folder, 'c')
  const child = spawn(
    process.execPath,
    [join(built.labBin, 'holdfast.js'), 'lab', 'up', '--dir', dir, '--no-product', '--no-guest'],
    {
      stdio: 'ignore',
    },
  )
  await until('it has begun', () => existsSync(join(dir, 'init.pid')))
  child.kill('SIGKILL')
  expect(lab('up', '--no-guest', '--dir', dir).stderr).toMatch(/runs at .* already|leftovers of a lab that crashed/)
  expect(lab('down', '--dir', dir).exit).toBe(0)
  await until('nothing of it runs', () => processesAbout(dir).length === 0)
  expect(existsSync(dir)).toBe(false)
})

/** Runs a command as nobody, who may open the two devices, as a desktop's user may. */
const AS_NOBODY = `
set -e
mknod "$0/fuse" c 10 229; mknod "$0/tun" c 10 200; chmod 666 "$0/fuse" "$0/tun"
mount -n --bind "$0/fuse" /dev/fuse; mount -n --bind "$0/tun" /dev/net/tun
exec setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
`
const NAMESPACES = ['unshare', '--user', '--map-root-user', '--pid', '--net', '--mount', '--fork', process.execPath, '-v']
const kernelAllows =
  process.geteuid?.() === 0 &&
  spawnSync('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--', ...NAMESPACES]).status === 0
const testAsNobody = kernelAllows ? test : test.skip

testAsNobody('as an ordinary user, in a user namespace', async () => {
  chmodSync(built.folder, 0o755)
  const home = join(built.folder, 'nobody')
  const devices = join(built.folder, 'devices')
  mkdirSync(home)
  mkdirSync(devices)
  chownSync(home, 65534, 65534)
  const dir = join(home, 'lab')
  const program = [process.execPath, join(built.labBin, 'holdfast.js'), 'lab', '--dir', dir]
  const steps = [
    'up --no-product --no-guest',
    'exec h1 -- sh -c "id -u; echo text > /srv/holdfast/f; cat /srv/holdfast/f; touch /usr/bin/x"',
    'fault disk --host h1',
    'exec h1 -- cat /srv/holdfast/f',
    'fault host --host h1',
    'fault disk --host h1 --undo',
    'fault host --host h1 --undo',
    'exec h1 -- cat /srv/holdfast/f',
  ]
  const script = steps.map((step) => `${program.join(' ')} ${step} || echo "exit $?"`).join('\n')
  const { stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', AS_NOBODY, devices, 'sh', '-c', `exec 2>&1\n${script}`], {
    encoding: 'utf8',
    cwd: home,
  })
  expect(stdout).toMatch(/A lab of 2 hosts[^]*\n0\ntext\ntouch: [^]*\nexit 1\n/)
  expect(stdout).toMatch(
    /answers EIO\n(?:cat: .*\n)?exit 1\nh1 has lost power\nh1: the whole disk repaired\nh1 has booted\ntext\n/,
  )
  expect(readFileSync(join(dir, 'hosts/h1/disk/holdfast/f'), 'utf8')).toBe('text\n')
  expect(lab('down', '--dir', dir).exit).toBe(0)
  await until('nothing of it runs', () => processesAbout(dir).length === 0)
})
