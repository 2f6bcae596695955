import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SCRIPT = join(__dirname, '../../../packaging/setup.sh')
const folder = mkdtempSync(join(tmpdir(), 'setup-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs with only these programs in reach, as an ordinary user of a machine that has nothing installed. */
function setUp(...args: string[]): { exit: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('/bin/bash', [SCRIPT, ...args], {
    env: { PATH: folder, HOLDFAST_SYSTEM_PATH: '' },
    encoding: 'utf8',
  })
  return { exit: status, stdout, stderr }
}

beforeAll(() => {
  for (const tool of ['dirname', 'sort', 'tr', 'cksum', 'cat']) symlinkSync(`/usr/bin/${tool}`, join(folder, tool))
  symlinkSync(process.execPath, join(folder, 'node'))
  writeFileSync(join(folder, 'id'), '#!/bin/sh\necho 1000\n')
  chmodSync(join(folder, 'id'), 0o755)
})

test('without root it names each missing package and the one line to run, and stops', () => {
  const { exit, stdout, stderr } = setUp('demo')
  expect(exit).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toBe(
    'set-up: Debian packages are missing: iproute2 mount qemu-system-x86 qemu-utils util-linux\n' +
      'set-up: as root, run: apt-get install --no-install-recommends iproute2 mount qemu-system-x86 qemu-utils util-linux\n',
  )
  expect(setUp('test').stderr).toMatch(
    / e2fsprogs etcd-server fio gcc .* libc6-dev libnbd-bin mount nbdkit openipmi openssl python3-libnbd qemu-system-common .* spin strace /,
  )
  expect(setUp('bench').stderr).toContain(' fio gcc libc6-dev openssl qemu-system-common util-linux\n')
})

test('an unknown wish changes nothing', () => {
  expect(setUp('tset')).toEqual({ exit: 2, stdout: '', stderr: 'usage: packaging/setup.sh demo|test|bench\n' })
})
