import { ApiError, NULL_REF, type Ref, type Value } from '../../../../lib/lab/contract'
import { int, record } from '../../../../lib/lab/values'
import { TestPool } from '../pool/pool'

const GiB = 2 ** 30

let pool: TestPool
let vm: Ref
beforeEach(async () => {
  pool = await TestPool.of(2)
  vm = await pool.vm('web')
  await pool.vif(vm)
  await pool.call('VM.start_on', vm, pool.first.ref, false, false)
})
afterEach(() => pool.close())

async function perform(host: number, operation: string, args: { [key: string]: Value }): Promise<Value> {
  const known = pool.host(host).part.operations[operation]
  if (known === undefined) throw new Error(`no operation ${operation}`)
  return known(args)
}
const prepare = async (host: number, memory = GiB): Promise<number> =>
  int(
    record(await perform(host, 'standby.prepare', { vm: pool.text('VM', vm, 'uuid'), run: 1, memory, way: 'devices' }))['domid'],
  )

/** The code that a preparation is refused with. */
async function refusal(host: number): Promise<string> {
  try {
    await prepare(host)
  } catch (error) {
    if (error instanceof ApiError) return error.code
    throw error
  }
  return 'none'
}

/** Reports travel in the background. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resume) => setImmediate(resume))
}

test('the memory of a standby is reserved until it ends', async () => {
  const large = await pool.vm('large', { memory_static_max: 8 * GiB, memory_dynamic_max: 8 * GiB })
  const domid = await prepare(1)
  expect(pool.vmFields(vm)).toMatchObject({ resident_on: pool.first.ref, scheduled_to_be_resident_on: pool.host(1).ref })
  const refused = await pool.refusal('VM.start_on', large, pool.host(1).ref, true, false)
  expect(refused).toEqual(['HOST_NOT_ENOUGH_FREE_MEMORY', String(8 * GiB), String(7 * GiB)])
  await perform(1, 'standby.end', { domid })
  expect(pool.vmFields(vm)).toMatchObject({ resident_on: pool.first.ref, scheduled_to_be_resident_on: NULL_REF })
  await pool.call('VM.start_on', large, pool.host(1).ref, true, false)
  expect(await refusal(1)).toBe('HOST_NOT_ENOUGH_FREE_MEMORY')
})

test('a host has one standby of a VM, and none of one that runs on it or nowhere', async () => {
  await prepare(1)
  const second = await prepare(1)
  expect([...pool.host(1).domains.standbys.all.keys()]).toEqual([second])
  expect(await refusal(0)).toBe('VM_MIGRATE_FAILED')
  await expect(prepare(1, 2 * GiB)).rejects.toThrow(`has ${GiB} bytes of memory, not ${2 * GiB}`)
  expect(pool.db.get('VM', vm, 'scheduled_to_be_resident_on')).toBe(NULL_REF)
  await pool.call('VM.hard_shutdown', vm)
  expect(await refusal(1)).toBe('VM_BAD_POWER_STATE')
})

test('one that runs is shown where it is, though its former host cannot be asked', async () => {
  const domid = await prepare(1)
  pool.first.dead = true
  await perform(1, 'standby.arrived', { domid })
  await until(() => pool.host(1).domains.standbys.all.size === 0)
  expect(pool.vmFields(vm)).toMatchObject({
    ...{ power_state: 'Running', resident_on: pool.host(1).ref, scheduled_to_be_resident_on: NULL_REF, domid },
  })
})

test('a toolstack that comes back tells of it, and keeps it; the other one is the domain too many', async () => {
  const domid = await prepare(1)
  await pool.host(1).domains.standbys.arrive(domid)
  await pool.restartXapi(pool.host(1))
  await until(() => pool.host(1).domains.standbys.all.size === 0)
  expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Running', resident_on: pool.host(1).ref, domid })
  expect([...pool.host(1).domains.running.keys()]).toEqual([domid])
  await pool.restartXapi(pool.first)
  expect([...pool.first.domains.running.keys()]).toEqual([])
  expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Running', resident_on: pool.host(1).ref, domid })
})

test('a standby that its host lost with its power has no memory reserved', async () => {
  await prepare(1)
  pool.host(1).domains.standbys.all.clear()
  await pool.restartXapi(pool.host(1))
  expect(pool.db.get('VM', vm, 'scheduled_to_be_resident_on')).toBe(NULL_REF)
})
