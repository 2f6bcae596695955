/** A lab of two hosts without the product: wires, power, the disk and its faults, and an end that leaves nothing. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BadRequest, type Fault } from '../../lib/lab/faults/fault'
import { initOf } from '../../lib/lab/rack/down'
import { type Lab, openLab } from '../../lib/lab/rack/lab'
import { startLab } from '../../lib/lab/rack/up'
import { buildRack, type LabBuild } from './rack-build'
import { datagram, processesAbout, reach, until } from './rack-eyes'

jest.setTimeout(60_000)

let built: LabBuild
let lab: Lab
beforeAll(async () => {
  built = await buildRack()
  lab = await startLab({ dir: join(built.folder, 'lab'), hosts: 2, labBin: built.labBin, product: false })
})
afterAll(async () => {
  await lab.down()
  expect(existsSync(lab.dir)).toBe(false)
  await until('nothing of the lab runs', () => processesAbout(lab.dir).length === 0)
})
// A hook of its own, so that nothing stays when the lab did not even start.
afterAll(() => built.remove())

const sh = async (place: string, line: string): Promise<string> => {
  const { stdout, stderr } = await lab.exec(place, ['sh', '-c', line])
  return (stdout + stderr).trim()
}

describe('wires', () => {
  test('each network carries, also from the client', async () => {
    for (const address of ['10.77.0.2', '10.77.1.2', '10.77.2.2', '10.77.0.250'])
      expect(await reach(lab, 'h1', address)).toBe('answers')
    expect(await reach(lab, 'client', '10.77.0.1')).toBe('answers')
  })

  test('a link down is silent on that link only, and comes back', async () => {
    const fault: Fault = { kind: 'link', host: 'h2', link: 'alink0' }
    await lab.fault(fault)
    expect(await reach(lab, 'h1', '10.77.1.2')).toBe('silence')
    expect(await reach(lab, 'h1', '10.77.2.2')).toBe('answers')
    expect((await lab.status()).hosts[1]?.faults.links).toEqual(['alink0'])
    await lab.undo(fault)
    expect(await reach(lab, 'h1', '10.77.1.2')).toBe('answers')
  })
})

describe('a cut', () => {
  const cut: Fault = { kind: 'cut', host: 'h1', other: 'h2', link: 'management', direction: 'both' }
  const unreached = async (): Promise<(readonly string[])[]> => (await lab.status()).hosts.map(({ faults }) => faults.unreached)

  test('parts two hosts on one network, and both reach the witness and each other elsewhere', async () => {
    await lab.fault(cut)
    expect(await reach(lab, 'h1', '10.77.0.2')).toBe('silence')
    expect(await reach(lab, 'h2', '10.77.0.1')).toBe('silence')
    for (const host of ['h1', 'h2']) expect(await reach(lab, host, '10.77.0.250')).toBe('answers')
    expect(await reach(lab, 'h1', '10.77.1.2')).toBe('answers')
    expect(await unreached()).toEqual([['10.77.0.2'], ['10.77.0.1']])
    await lab.undo(cut)
    expect(await reach(lab, 'h1', '10.77.0.2')).toBe('answers')
    expect(await reach(lab, 'h2', '10.77.0.1')).toBe('answers')
  })

  test('may be of one direction: datagrams go one way, and the sender is told nothing', async () => {
    const oneWay: Fault = { ...cut, link: 'alink0', direction: 'to' }
    await lab.fault(oneWay)
    expect(await datagram(lab, 'h1', 'h2', '10.77.1.2')).toBe('sent, not heard')
    expect(await datagram(lab, 'h2', 'h1', '10.77.1.1')).toBe('heard')
    await lab.undo({ ...oneWay, host: 'h2', other: 'h1', direction: 'from' })
    expect(await datagram(lab, 'h1', 'h2', '10.77.1.2')).toBe('heard')
  })

  test('parts one host from the witness, and outlives a loss of power', async () => {
    const fault: Fault = { ...cut, other: 'witness', link: 'all' }
    await lab.fault(fault)
    await lab.powerOff('h1')
    await lab.boot('h1')
    expect(await reach(lab, 'h1', '10.77.0.250')).toBe('silence')
    expect(await reach(lab, 'h2', '10.77.0.250')).toBe('answers')
    await lab.undo(fault)
    expect(await reach(lab, 'h1', '10.77.0.250')).toBe('answers')
    await expect(lab.undo(fault)).rejects.toThrow('nothing was cut')
  })
})

describe('a host', () => {
  test('stands still and goes on', async () => {
    const fault: Fault = { kind: 'host', host: 'h2', how: 'stop' }
    const counts = '/run/counts'
    const counting = await lab.spawnIn('h2', ['sh', '-c', `while :; do echo >> ${counts}; sleep 0.01; done`], 'ignore')
    const count = async (): Promise<number> => Number(await sh('h2', `cat ${counts} 2>/dev/null | wc -l`))
    await until('it counts', async () => (await count()) > 0)
    await lab.fault(fault)
    const stopped = await count()
    expect((await lab.status()).hosts[1]?.faults.stopped).toEqual(['everything'])
    expect(await sh('h2', 'grep -h State: /proc/[0-9]*/status | sort | uniq -c')).toContain('stopped')
    expect(await count()).toBe(stopped)
    await lab.undo(fault)
    await until('it goes on', async () => (await count()) > stopped)
    // What entered the host stands still, too.
    counting.kill('SIGKILL')
  })

  test('is another machine: its own name, processes, files, and the machine read-only', async () => {
    expect(await sh('h1', 'hostname; cat /etc/xensource/pool.conf')).toBe('h1\nmaster')
    expect(await sh('h2', 'cat /etc/xensource/pool.conf')).toBe('slave:10.77.0.1')
    expect(await sh('h1', `ls ${built.folder} 2>&1 | wc -l; [ -e ${lab.dir} ] || echo unseen`)).toContain('unseen')
    expect(await sh('h1', 'touch /usr/bin/x')).toContain('cannot touch')
    expect(await sh('h1', 'touch /usr/local/sbin/x /usr/libexec/xapi-storage-script/x && rm /usr/local/sbin/x && echo own')).toBe(
      'own',
    )
    expect(await sh('h1', '. /etc/xensource-inventory && echo $INSTALLATION_UUID')).toBe(lab.hosts[0]?.uuid)
  })

  test('reaps what its processes leave behind', async () => {
    await sh('h1', '(sleep 0.05 &) ; (sh -c "sleep 0.05 &")')
    await until('no zombie', async () => !(await sh('h1', 'cat /proc/[0-9]*/stat')).includes(') Z '))
  })

  test('passes input, output and exit status of a command', async () => {
    const outcome = await lab.exec('h1', ['sh', '-c', 'cat; exit 7'], 'through')
    expect(outcome).toEqual({ exit: 7, stdout: 'through', stderr: '' })
  })

  test('loses power at once and keeps its disk', async () => {
    await sh('h1', 'echo kept > /srv/holdfast/f; echo kept > /root/f; echo gone > /run/f')
    const running = await lab.spawnIn('h1', ['sleep', '600'], 'ignore')
    const ended = new Promise((resolve) => running.once('exit', resolve))
    await lab.fault({ kind: 'link', host: 'h1', link: 'alink1' })
    await lab.powerOff('h1')
    await ended
    expect((await lab.status()).hosts[0]?.power).toBe('off')
    expect(await reach(lab, 'h2', '10.77.0.1')).toBe('silence')
    await expect(lab.exec('h1', ['true'])).rejects.toThrow('h1 is off')
    await lab.boot('h1')
    expect(await sh('h1', 'cat /srv/holdfast/f /root/f; [ -e /run/f ] || echo gone')).toBe('kept\nkept\ngone')
    expect([await reach(lab, 'h2', '10.77.0.1'), await reach(lab, 'h2', '10.77.2.1')]).toEqual(['answers', 'silence'])
    await lab.undo({ kind: 'link', host: 'h1', link: 'alinks' })
    expect(await reach(lab, 'h2', '10.77.2.1')).toBe('answers')
  })
})

describe('processes', () => {
  test('are stopped, continued and killed by name', async () => {
    const child = await lab.spawnIn('h2', ['sh', '-c', 'exec sleep 601'], 'ignore')
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    await until('it runs', async () => (await lab.status()).hosts[1]?.processes.some(({ name }) => name === 'sleep') ?? false)
    await lab.fault({ kind: 'process', host: 'h2', process: 'sleep', how: 'stop' })
    expect(await sh('h2', 'grep -c "(sleep) T" /proc/[0-9]*/stat | grep :1')).toContain('stat:1')
    expect((await lab.status()).hosts[1]?.faults.stopped).toEqual(['sleep'])
    await lab.undo({ kind: 'process', host: 'h2', process: 'sleep', how: 'stop' })
    child.kill('SIGCONT')
    await lab.fault({ kind: 'process', host: 'h2', process: 'sleep', how: 'kill' })
    expect(await ended).toBe('SIGKILL')
  })

  test('a unit runs, is restarted after a kill, and its log is kept', async () => {
    const unit = '[Service]\nEnvironment=GREETING=hello\nExecStart=/bin/sh -c "echo $GREETING; exec sleep 602"\nRestart=always\n'
    writeFileSync(join(lab.paths.host('h2').root, 'etc/systemd/system/greeter.service'), unit)
    await lab.powerOff('h2')
    await lab.boot('h2')
    const log = join(lab.paths.host('h2').log, 'greeter.log')
    await until('it said hello', () => readFileSync(log, 'utf8').startsWith('hello\n'))
    await until('it sleeps', async () => (await lab.status()).hosts[1]?.processes.some(({ name }) => name === 'sleep') ?? false)
    await lab.fault({ kind: 'process', host: 'h2', process: 'sleep', how: 'kill' })
    await until('it said hello again', () => readFileSync(log, 'utf8').split('hello\n').length === 3)
    expect(readFileSync(log, 'utf8')).toContain('[rack] greeter ended: SIGKILL')
  })
})

describe('the disk', () => {
  const WHOLE = { kind: 'disk', host: 'h1', volume: null, ops: 'both', error: 'EIO' } as const
  beforeAll(() => sh('h1', 'mkdir -p /srv/holdfast/sr && cd /srv/holdfast/sr && echo one > k1.raw && echo two > k2.raw'))

  test('keeps what a file system keeps', async () => {
    const line = [
      'cd /srv/holdfast/sr && mkdir d && echo a > d/a && mv d e && cat e/a && truncate -s 1G e/big && stat -c %s e/big',
      'echo b >> e/a && cat e/a && touch -d 2020-01-01 e/a && date -r e/a +%Y && chmod 600 e/a && stat -c %a e/a',
      'dd if=/dev/urandom of=e/r bs=1M count=3 conv=fsync status=none && cp e/r /tmp/r && cmp e/r /tmp/r',
      'exec 3<>e/u && rm e/u && echo text >&3 && for i in $(seq 200); do : > e/f$i; done; ls e | wc -l; rm -r e; ls',
    ].join(' && ')
    expect(await sh('h1', line)).toBe('a\n1073741824\na\nb\n2020\n600\n203\nk1.raw\nk2.raw')
  })

  test('answers EIO on one volume, then is repaired', async () => {
    const fault: Fault = { ...WHOLE, volume: 'k1', ops: 'reads' }
    await lab.fault(fault)
    const read = 'cd /srv/holdfast/sr; cat k1.raw; cat k2.raw; echo three > k1.raw && echo written'
    expect(await sh('h1', read)).toBe('two\nwritten\ncat: k1.raw: Input/output error')
    await lab.undo(fault)
    expect(await sh('h1', 'cat /srv/holdfast/sr/k1.raw')).toBe('three')
  })

  test('answers ENOSPC to writes, of the whole disk', async () => {
    await lab.fault({ ...WHOLE, ops: 'writes', error: 'ENOSPC' })
    expect(await sh('h1', 'cat /srv/holdfast/sr/k2.raw; echo x > /srv/holdfast/sr/k2.raw')).toMatch(/two\n[^]*No space left/)
    await lab.undo(WHOLE)
    expect(await sh('h1', 'echo x > /srv/holdfast/sr/k2.raw && cat /srv/holdfast/sr/k2.raw')).toBe('x')
  })

  test('hangs, and goes on after the repair', async () => {
    await lab.fault({ ...WHOLE, volume: '*k2*', error: 'hang' })
    const reading = lab.exec('h1', ['cat', '/srv/holdfast/sr/k2.raw'])
    expect(await sh('h1', 'cat /srv/holdfast/sr/k1.raw')).toBe('three')
    await until('cat waits for the disk', async () => (await sh('h1', 'grep -l "(cat) [DS]" /proc/[0-9]*/stat')).includes('stat'))
    await lab.undo({ ...WHOLE, volume: '*k2*' })
    expect((await reading).stdout).toBe('x\n')
  })

  test('a host that hangs in its disk can still lose power', async () => {
    await lab.fault({ ...WHOLE, error: 'hang' })
    const reading = lab.exec('h1', ['cat', '/srv/holdfast/sr/k2.raw'])
    await until('cat waits for the disk', async () => (await sh('h1', 'grep -l "(cat) [DS]" /proc/[0-9]*/stat')).includes('stat'))
    await lab.powerOff('h1')
    expect((await reading).exit).not.toBe(0)
    await lab.undo(WHOLE)
    await lab.boot('h1')
    expect(await sh('h1', 'cat /srv/holdfast/sr/k2.raw')).toBe('x')
  })
})

describe('what makes no sense is refused, naming the choices, and changes nothing', () => {
  test.each([
    [{ kind: 'flood' }, /choose one of: disk, link, cut, host/],
    [{ kind: 'host', host: 'h9' }, /host "h9" is not known; choose one of: h1, h2/],
    [{ kind: 'cut', host: 'h1', other: 'h1' }, /other "h1" is not known; choose one of: h2, witness/],
    [{ kind: 'cut', host: 'h1', other: 'witness', link: 'alink0' }, /nothing is left to cut/],
    [{ kind: 'link', host: 'h1', link: 'wifi' }, /choose one of: alink0, alink1, alinks, management/],
    [{ kind: 'disk', host: 'h1', error: 'EFUN' }, /choose one of: EIO, ENOSPC, hang/],
    [{ kind: 'disk', host: 'h1', volume: '' }, /volume must be a short text/],
    [{ kind: 'process', host: 'h1', process: 'emacs' }, /no process emacs on h1; there are/],
    [{ kind: 'process', host: 'h1', process: -1 }, /pid must be/],
    [{ kind: 'witness' }, /the witness does not run/],
  ])('%j', async (input, text) => {
    const before = await lab.status()
    const asked = lab.fault(input as Fault)
    await expect(asked).rejects.toThrow(BadRequest)
    await expect(asked).rejects.toThrow(text)
    expect((await lab.status()).hosts.map(({ power, faults }) => ({ power, faults }))).toEqual(
      before.hosts.map(({ power, faults }) => ({ power, faults })),
    )
  })

  test('a second lab in the same directory', async () => {
    await expect(startLab({ dir: lab.dir, hosts: 1, labBin: built.labBin })).rejects.toThrow(/runs at .* already/)
    expect((await lab.status()).phase).toBe('ready')
  })

  test('a directory with something else in it, and impossible numbers', async () => {
    const dir = join(built.folder, 'mine')
    mkdirSync(dir)
    writeFileSync(join(dir, 'letter'), 'dear')
    await expect(startLab({ dir, hosts: 1, labBin: built.labBin })).rejects.toThrow(/not empty and not a lab/)
    await expect(startLab({ dir: join(built.folder, 'none'), hosts: 0, labBin: built.labBin })).rejects.toThrow(/1 to 16 hosts/)
    expect(readFileSync(join(dir, 'letter'), 'utf8')).toBe('dear')
  })
})

test('after a crash of its rack nothing runs, up says so, and down cleans', async () => {
  const dir = join(built.folder, 'lab2')
  const other = await startLab({ dir, hosts: 1, labBin: built.labBin, product: false })
  const init = initOf(other.paths)
  const rack = processesAbout(dir).find((line) => line.includes('rack.js') && !line.includes('sh -c'))
  process.kill(Number(rack?.split(':')[0]), 'SIGKILL')
  await until('nothing of it runs', () => processesAbout(dir).length === 0)
  expect(init).not.toBeNull()
  await expect(openLab(dir)).rejects.toThrow(/not running; clean up with: holdfast lab down/)
  await expect(startLab({ dir, hosts: 1, labBin: built.labBin })).rejects.toThrow(/leftovers of a lab that crashed/)
  await other.down()
  expect(existsSync(dir)).toBe(false)
})
