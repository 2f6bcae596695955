/** What Holdfast refuses, through XAPI and through its own command: the reason is told, and nothing has changed. */
import { makeVm, until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { ProductLab } from './product-lab'

jest.setTimeout(300_000)

const LIMIT_MS = 30_000
const VOLUME_BYTES = 8 * 1024 * 1024
const NOBODY = '00000000-0000-4000-8000-000000000000'

let product: ProductLab
let orders: GuestVm
let spare: GuestVm
let bare: GuestVm
let lodger: GuestVm
const xe = async (...argv: string[]): Promise<string> => {
  const { stdout, stderr } = await product.lab.xe(argv)
  return (stdout + stderr).trim()
}

/** `orders` is protected and its guest, which is not needed here, paused; the others are halted. */
beforeAll(async () => {
  product = await ProductLab.open()
  const { stage } = product
  orders = await makeVm(stage, 'orders', VOLUME_BYTES)
  spare = await makeVm(stage, 'spare', VOLUME_BYTES)
  bare = await makeVm(stage, 'bare', VOLUME_BYTES)
  await xe('vdi-destroy', `uuid=${bare.vdiUuid}`)
  lodger = await makeVm(stage, 'lodger', VOLUME_BYTES)
  await xe('vbd-create', `vm-uuid=${lodger.vmUuid}`, `vdi-uuid=${spare.vdiUuid}`, 'device=1')
  expect(await xe('vm-start', 'vm=orders', 'on=h1', 'paused=true')).toBe('')
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  await product.redundant('h2', orders.vmUuid)
})
afterAll(() => product.close())

const refusal = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    (value) => `not refused: ${JSON.stringify(value)}`,
    (error: unknown) => String(error),
  )

/** What an operator can see of the VMs, on both hosts and in XAPI. */
async function seen(): Promise<unknown> {
  const statuses = await Promise.all(['h1', 'h2'].map(async (host) => (await product.operator(host, 'status')).vms))
  return [statuses, await xe('vm-list', 'params=name-label,power-state,other-config'), await xe('vdi-list', 'params=uuid')]
}

async function unchangedBy(work: () => Promise<void>): Promise<void> {
  const before = await seen()
  await work()
  expect(await seen()).toEqual(before)
}

describe('a protection is refused, by the plug-in and the command alike', () => {
  test.each<[string, () => { vm: string; level: string }, string, RegExp]>([
    ['an unknown level', () => ({ vm: spare.vmUuid, level: 'invincible' }), 'HOLDFAST_UNKNOWN_LEVEL', /no level "invincible"/],
    ['an unknown VM', () => ({ vm: NOBODY, level: 'restart' }), 'HOLDFAST_UNKNOWN_VM', /No VM has the uuid/],
    ['a VM without a disk', () => ({ vm: bare.vmUuid, level: 'restart' }), 'HOLDFAST_VM_HAS_NO_DISK', /VM bare cannot be/],
    ['a disk of two VMs', () => ({ vm: spare.vmUuid, level: 'restart' }), 'HOLDFAST_VDI_IN_USE', /also attached to lodger/],
    ['its other VM', () => ({ vm: lodger.vmUuid, level: 'restart' }), 'HOLDFAST_VDI_IN_USE', /also attached to spare/],
  ])('%s', async (_, wish, code, text) => {
    const { vm, level } = wish()
    await unchangedBy(async () => {
      for (const fn of ['plan', 'protect'] as const) {
        const said = await refusal(product.plugin('h2', fn, { vm, level }))
        expect(said).toContain(code)
        expect(said).toMatch(text)
        const { exit, stdout, stderr } = await product.command('h1', fn, vm, '--level', level)
        expect([exit, stdout]).toEqual([2, ''])
        expect(stderr).toMatch(text)
        expect(stderr).toContain(`code:  ${code}`)
      }
    })
  })

  test('texts that are no VM', async () => {
    const texts = [' ', 'orders; reboot', '../../etc/passwd', '\u2603'.repeat(30_000), '<vm/>', "' or 1=1"]
    await unchangedBy(async () => {
      for (const vm of texts) {
        expect(await refusal(product.plugin('h1', 'protect', { vm, level: 'restart' }))).toContain('HOLDFAST_UNKNOWN_VM')
        const { exit, stderr } = await product.command('h1', 'protect', vm.slice(0, 1000), '--level', 'restart')
        expect([exit, stderr]).toEqual([2, expect.stringContaining('code:  HOLDFAST_UNKNOWN_VM')])
      }
    })
  })

  test('arguments that are missing, misspelled or not a number', async () => {
    const { vmUuid: vm } = orders
    await unchangedBy(async () => {
      await expect(product.plugin('h1', 'protect', { vm })).rejects.toThrow(/HOLDFAST_BAD_REQUEST[^]*"level" is missing/)
      const misspelled = product.plugin('h1', 'unprotect', { vm, levl: 'restart' })
      await expect(misspelled).rejects.toThrow(/HOLDFAST_BAD_REQUEST[^]*no argument "levl"/)
      await expect(product.plugin('h1', 'timeline', { limit: 'all' })).rejects.toThrow('HOLDFAST_BAD_REQUEST')
      expect(await xe('host-call-plugin', `host-uuid=${product.uuidOf('h1')}`, 'plugin=holdfast', 'fn=explode')).toContain(
        'UNKNOWN_XENAPI_PLUGIN_FUNCTION',
      )
    })
  })

  test('the end of a protection that does not exist', async () => {
    await unchangedBy(async () => {
      await expect(product.plugin('h2', 'unprotect', { vm: spare.vmUuid })).rejects.toThrow('HOLDFAST_NOT_PROTECTED')
      const { exit, stderr } = await product.command('h1', 'unprotect', 'spare')
      expect([exit, stderr]).toEqual([2, expect.stringContaining('code:  HOLDFAST_NOT_PROTECTED')])
    })
  })
})

describe('lockstep is refused for what it lacks', () => {
  const STANDBY = '/usr/local/sbin/holdfast-standby'
  const on = async (host: string, ...argv: string[]): Promise<void> => {
    expect((await product.lab.exec(host, argv)).exit).toBe(0)
  }
  const set = async (key: string, value: string): Promise<void> => {
    expect(await xe('vm-param-set', `uuid=${orders.vmUuid}`, `other-config:${key}=${value}`)).toBe('')
  }
  const unset = async (key: string): Promise<void> => {
    expect(await xe('vm-param-remove', `uuid=${orders.vmUuid}`, 'param-name=other-config', `param-key=${key}`)).toBe('')
  }
  const MIN = 'holdfast-lockstep-interval-min-ms'

  test.each<[string, () => Promise<void>, () => Promise<void>, string, RegExp]>([
    [
      'its secondary is a stock host',
      () => on('h2', 'mv', STANDBY, `${STANDBY}-away`),
      () => on('h2', 'mv', `${STANDBY}-away`, STANDBY),
      'HOLDFAST_LEVEL_UNSUPPORTED',
      /No other host can keep its waiting copy: h1: it is the primary; h2: this host cannot have a waiting copy/,
    ],
    [
      'its own host is a stock host',
      () => on('h1', 'mv', STANDBY, `${STANDBY}-away`),
      () => on('h1', 'mv', `${STANDBY}-away`, STANDBY),
      'HOLDFAST_LEVEL_UNSUPPORTED',
      /h1: this host cannot have a waiting copy of a VM \(it has no holdfast-standby\)/,
    ],
    [
      'a device of its host is passed through',
      () => set('pci', '0/0000:04:00.0'),
      () => unset('pci'),
      'HOLDFAST_LEVEL_UNSUPPORTED',
      /It uses a PCI device of its host/,
    ],
    [
      'nonsense is set',
      () => set(MIN, 'fast'),
      () => unset(MIN),
      'HOLDFAST_LOCKSTEP_SETTING',
      /interval-min-ms is "fast": it must/,
    ],
  ])('%s', async (_, make, mend, code, text) => {
    const wish = { vm: orders.vmUuid, level: 'lockstep' }
    await make()
    await until('the daemons know', LIMIT_MS, async () => text.test(await refusal(product.plugin('h2', 'plan', wish))))
    await unchangedBy(async () => {
      expect(await refusal(product.plugin('h2', 'protect', wish))).toContain(code)
      const { exit, stdout, stderr } = await product.command('h1', 'protect', wish.vm, '--level', 'lockstep')
      expect([exit, stdout]).toEqual([2, ''])
      expect(stderr.replace(/\s+/g, ' ')).toMatch(text)
      expect(stderr).toContain(`code:  ${code}`)
    })
    await mend()
  })

  test('and with all of that there is a plan, which says what is measured later', async () => {
    await until(
      'the daemons know',
      LIMIT_MS,
      async () => (await product.command('h1', 'plan', orders.vmUuid, '--level', 'lockstep')).exit === 0,
    )
    const { steps, forecast } = await product.operator('h2', 'plan', orders.vmUuid, '--level', 'lockstep')
    expect(steps.map(({ step }) => step)).toEqual([
      expect.stringMatching(/^keep a waiting copy \(\d+ MiB\) on h2$/),
      'record level lockstep with h2 as secondary',
    ])
    // Its guest is paused.
    expect(forecast).toBeNull()
  })
})

describe('without its witness', () => {
  test('nothing is protected or unprotected, and the running VM is not touched', async () => {
    await product.lab.fault({ kind: 'witness' })
    await unchangedBy(async () => {
      for (const vm of [bare.vmUuid, orders.vmUuid]) {
        const failed = product.plugin('h1', 'protect', { vm, level: 'restart' })
        await expect(failed).rejects.toThrow(/HOLDFAST_WITNESS_UNREACHABLE[^]*10\.77\.0\.250:7788/)
      }
      const { exit, stderr } = await product.command('h2', 'unprotect', 'orders')
      expect([exit, stderr]).toEqual([2, expect.stringContaining('code:  HOLDFAST_WITNESS_UNREACHABLE')])
    })
    expect((await product.operator('h1', 'status')).witness.reachable).toBe(false)
    await product.lab.undo({ kind: 'witness' })
    await until('both hosts reach the witness again', LIMIT_MS, async () => {
      const statuses = await Promise.all(['h1', 'h2'].map((host) => product.operator(host, 'status')))
      return statuses.every(({ witness }) => witness.reachable)
    })
    await product.redundant('h1', orders.vmUuid)
  })
})

describe('a protected VM that is halted', () => {
  beforeAll(async () => {
    expect(await xe('vm-shutdown', 'vm=orders', '--force')).toBe('')
    await product.redundant('h1', orders.vmUuid)
  })

  test('does not start on the host that lacks its claim, and says who has it', async () => {
    await unchangedBy(async () => {
      const said = await xe('vm-start', 'vm=orders', 'on=h2')
      expect(said).toMatch(/hook script refused|XAPI_HOOK_FAILED/)
      expect(said).toContain('VM orders cannot start or attach its disks on host h2. Host h1 holds its claim (term 1).')
    })
  })

  test('nor does its storage give the disks there, also without the hook', async () => {
    const uri = `holdfast://${product.stage.srUuid}/${await xe('vdi-param-get', `uuid=${orders.vdiUuid}`, 'param-name=location')}`
    const call = async (name: string): Promise<{ exit: number | null; stdout: string }> =>
      product.lab.exec(
        'h2',
        [`/usr/libexec/xapi-storage-script/datapath/holdfast/Datapath.${name}`, '--json'],
        JSON.stringify({ dbg: 'test', uri, domain: '7', persistent: true }),
      )
    await unchangedBy(async () => {
      for (const name of ['attach', 'activate']) {
        const { exit, stdout } = await call(name)
        expect(exit).not.toBe(0)
        expect(stdout).toContain('HOLDFAST_CLAIM_HELD_ELSEWHERE')
        expect(stdout).toContain('Host h1 holds its claim')
      }
    })
  })

  test('keeps its disk: it can be neither destroyed nor resized, also in the storage itself', async () => {
    await unchangedBy(async () => {
      for (const change of [['vdi-destroy'], ['vdi-resize', 'disk-size=64MiB']]) {
        const said = await xe(change[0] ?? '', `uuid=${orders.vdiUuid}`, ...change.slice(1))
        expect(said).toMatch(/HOLDFAST_VOLUME_IN_USE[^]*a disk of protected VM/)
      }
    })
  })

  test('starts by itself where its claim is', async () => {
    expect(await xe('vm-start', 'vm=orders', 'paused=true')).toBe('')
    expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ residentOn: 'h1', holder: 'h1', term: 1 })
  })
})
