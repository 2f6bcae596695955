import { type Ref } from '../../../../lib/lab/contract'
import { TestPool } from '../pool/pool'

describe('a guest that ends by itself', () => {
  let pool: TestPool
  let vm: Ref
  beforeEach(async () => {
    pool = await TestPool.of(2)
    vm = await pool.vm('web')
    await pool.call('VM.start_on', vm, pool.host(1).ref, false, false)
    pool.logHooks(['vm-pre-start', 'vm-pre-shutdown', 'vm-post-destroy', 'vm-pre-reboot'])
    pool.script(pool.first, '../hooks.log', '')
  })
  afterEach(() => pool.close())

  async function settled(met: () => boolean): Promise<void> {
    for (const end = Date.now() + 10_000; !met();) {
      if (Date.now() > end) throw new Error(`still ${JSON.stringify(pool.vmFields(vm))}`)
      await new Promise((resume) => setTimeout(resume, 5))
    }
  }
  const domid = (): number => Number(pool.db.get('VM', vm, 'domid'))
  const startedLongAgo = (): void => pool.db.set('VM_metrics', pool.text('VM', vm, 'metrics'), 'start_time', '20200101T00:00:00Z')

  test('by a shutdown is Halted, without a hook', async () => {
    pool.host(1).domains.end(1, 'shutdown')
    await settled(() => pool.db.get('VM', vm, 'power_state') === 'Halted')
    expect(pool.hooksRun()).toEqual([''])
  })

  test('while something else is under way is noticed afterwards', async () => {
    const pausing = pool.call('VM.pause', vm)
    pool.host(1).domains.end(1, 'shutdown')
    await Promise.allSettled([pausing])
    await settled(() => pool.db.get('VM', vm, 'power_state') === 'Halted')
  })

  test('by a reboot runs again on its host, with the hooks of a hard reboot', async () => {
    pool.host(1).domains.end(1, 'reboot')
    await settled(() => domid() === 2)
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Running', resident_on: pool.host(1).ref })
    expect(pool.hooksRun().map((line) => line.replace(/-vmuuid \S+ /, ''))).toEqual([
      'host2 vm-pre-shutdown -reason hard-reboot',
      'host2 vm-post-destroy -reason hard-reboot',
      'host2 vm-pre-reboot -reason none',
      'host2 vm-pre-start -reason none',
    ])
  })

  test('by a crash is restarted, but not soon after its start', async () => {
    startedLongAgo()
    pool.host(1).domains.end(1, 'crash')
    await settled(() => domid() === 2)
    pool.host(1).domains.end(2, 'crash')
    await settled(() => pool.db.get('VM', vm, 'power_state') === 'Halted')
  })

  test('by a crash stays down when its record says so', async () => {
    startedLongAgo()
    await pool.call('VM.set_actions_after_crash', vm, 'destroy')
    pool.host(1).domains.end(1, 'crash')
    await settled(() => pool.db.get('VM', vm, 'power_state') === 'Halted')
  })
})

describe('a toolstack that starts', () => {
  let pool: TestPool
  let vm: Ref
  beforeEach(async () => {
    pool = await TestPool.of(2)
    vm = await pool.vm('web')
    await pool.call('VM.start_on', vm, pool.host(1).ref, false, false)
  })
  afterEach(() => pool.close())

  test('goes on with the machines it finds', async () => {
    await pool.restartXapi(pool.host(1))
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Running', resident_on: pool.host(1).ref, domid: 1 })
    await pool.call('VM.clean_shutdown', vm)
  })

  test('has the machines it does not find declared halted', async () => {
    pool.host(1).domains.running.clear()
    pool.db.set('host', pool.host(1).ref, 'enabled', false)
    await pool.restartXapi(pool.host(1))
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', domid: -1 })
    expect(pool.db.get('host', pool.host(1).ref, 'enabled')).toBe(true)
  })

  test('has machines adopted that the database believes to be nowhere', async () => {
    const domains = pool.host(1).domains
    const spec = { vmUuid: '', name: 'x', memoryBytes: 1, vcpus: 1, kernel: '', ramdisk: '', args: '', disks: [], nics: [] }
    const other = await pool.vm('db')
    await domains.create({ ...spec, vmUuid: pool.text('VM', other, 'uuid') })
    await domains.create({ ...spec, vmUuid: 'unknown to the database' })
    await pool.restartXapi(pool.host(1))
    expect(pool.vmFields(other)).toMatchObject({ power_state: 'Paused', resident_on: pool.host(1).ref, domid: 2 })
    expect([...domains.running.keys()]).toEqual([1, 2])
  })
})
