import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ref } from '../../../../lib/lab/contract'
import { text } from '../../../../lib/lab/values'
import { TestPool } from '../pool/pool'
import { TrialPlugin } from './trial-plugin'

describe('a plain local repository', () => {
  let pool: TestPool
  let sr: Ref
  const fileOf = (vdi: Ref): string => join(pool.host(1).root, 'srv/disks', `${pool.text('VDI', vdi, 'location')}.raw`)
  beforeEach(async () => {
    pool = await TestPool.of(2)
    sr = await pool.sr(pool.host(1), 'ext', { location: '/srv/disks' })
  })
  afterEach(() => pool.close())

  test('keeps disks as sparse files that follow the record', async () => {
    const vdi = await pool.vdi(sr, 1 << 30)
    await pool.call('VDI.set_name_label', vdi, 'system')
    await pool.call('VDI.resize', vdi, 2 * 2 ** 30)
    expect(pool.db.record('VDI', vdi)).toMatchObject({ name_label: 'system', virtual_size: 2 * 2 ** 30, SR: sr, managed: true })
    expect(await pool.refusal('VDI.resize', vdi, 1)).toEqual(['VDI_TOO_SMALL', vdi, '1'])
    expect(pool.db.get('SR', sr, 'virtual_allocation')).toBe(2 ** 30)
    const file = fileOf(vdi)
    expect(statSync(file)).toMatchObject({ size: 2 * 2 ** 30, blocks: 0 })
    await pool.call('VDI.destroy', vdi)
    expect(existsSync(file)).toBe(false)
  })

  test('a scan finds what came and went behind its back', async () => {
    const [kept, lost] = [await pool.vdi(sr, 1024), await pool.vdi(sr, 1024)]
    const files = fileOf(kept)
    for (const end of ['.raw', '.json']) {
      const base = files.replace('.raw', '')
      writeFileSync(join(base, `../found${end}`), readFileSync(base + end))
    }
    rmSync(fileOf(lost))
    await pool.call('SR.scan', sr)
    const locations = (pool.db.get('SR', sr, 'VDIs') as string[]).map((vdi) => pool.db.get('VDI', vdi, 'location'))
    expect(locations.sort()).toEqual([pool.db.get('VDI', kept, 'location'), 'found'].sort())
    expect(pool.db.byUuid('VDI', 'found')).toBeDefined()
    expect(pool.db.exists('VDI', lost)).toBe(false)
  })

  test('is unplugged when nothing uses it, and destroyed or forgotten only then', async () => {
    await pool.vdi(sr, 1024)
    const vm = await pool.vm('web')
    const used = await pool.vdi(sr, 1024)
    await pool.vbd(vm, used)
    await pool.call('VM.start', vm, false, false)
    const [pbd] = pool.db.get('SR', sr, 'PBDs') as string[]
    expect(await pool.refusal('PBD.unplug', pbd ?? '')).toEqual(['VDI_IN_USE', used, 'detach'])
    expect(await pool.refusal('SR.destroy', sr)).toEqual(['SR_HAS_PBD', sr])
    await pool.call('VM.hard_shutdown', vm)
    await pool.call('PBD.unplug', pbd ?? '')
    expect(await pool.refusal('VDI.resize', used, 4096)).toEqual(['SR_NOT_ATTACHED', sr])
    await pool.call('SR.destroy', sr)
    expect(existsSync(join(pool.host(1).root, 'srv/disks'))).toBe(false)
    expect([pool.db.exists('SR', sr), pool.db.exists('PBD', pbd ?? ''), pool.db.exists('VDI', used)]).toEqual([
      false,
      false,
      false,
    ])
  })

  test('a type nobody knows is refused', async () => {
    await expect(pool.sr(pool.first, 'nothing', {})).rejects.toMatchObject({ code: 'SR_UNKNOWN_DRIVER', params: ['nothing'] })
  })
})

describe('a repository served by SMAPIv3 executables', () => {
  let pool: TestPool
  let plugin: TrialPlugin
  let sr: Ref
  beforeEach(async () => {
    pool = await TestPool.of(2)
    plugin = new TrialPlugin(join(pool.folder, 'trial'), [pool.first.root, pool.host(1).root])
    sr = await pool.sr(pool.first, 'trial', { colour: 'blue' }, true)
  })
  afterEach(() => pool.close())

  test('a folder dropped in is a type; it is shared by every living host with what SR.create answered', async () => {
    expect(await pool.call('SR.get_supported_types')).toEqual(['file', 'ext', 'trial'])
    const pbds = (pool.db.get('SR', sr, 'PBDs') as string[]).map((pbd) => pool.db.record('PBD', pbd))
    expect(pbds).toHaveLength(2)
    for (const pbd of pbds)
      expect(pbd).toMatchObject({
        currently_attached: true,
        device_config: { colour: 'blue', made: pool.text('SR', sr, 'uuid') },
      })
    expect(pool.db.record('SR', sr)).toMatchObject({ physical_size: 1000, physical_utilisation: 600, shared: true })
  })

  test('each call is one process: --json, cwd /, nothing in the environment but PATH', () => {
    for (const line of plugin.rawCalls()) expect(line).toMatch(/^\S+ {2}PATH \/ --json$/)
  })

  test('volumes become disks', async () => {
    const vdi = await pool.vdi(sr, 4096)
    await pool.call('VDI.set_name_label', vdi, 'renamed')
    await pool.call('VDI.set_name_description', vdi, 'described')
    await pool.call('VDI.resize', vdi, 8192)
    await pool.call('SR.scan', sr)
    expect(pool.db.record('VDI', vdi)).toMatchObject({
      name_label: 'renamed',
      name_description: 'described',
      virtual_size: 8192,
      location: 'v0',
      sm_config: { made: 'here' },
    })
    await pool.call('VDI.destroy', vdi)
    await pool.call('SR.scan', sr)
    expect(pool.db.get('SR', sr, 'VDIs')).toEqual([])
  })

  test('a machine gets its disk by NBD, in the name of its domain', async () => {
    const vm = await pool.vm('web')
    await pool.vbd(vm, await pool.vdi(sr, 4096))
    plugin.forgetCalls()
    await pool.call('VM.start_on', vm, pool.host(1).ref, false, false)
    const [domain] = [...pool.host(1).domains.running.values()]
    expect(domain?.spec.disks[0]?.source).toEqual({
      kind: 'nbd',
      socket: join(pool.folder, 'trial', 'v0.sock'),
      exportName: 'v0',
    })
    expect(plugin.calls(/^Datapath/)).toEqual(['Datapath.open', 'Datapath.attach 1', 'Datapath.activate 1'])
    plugin.forgetCalls()
    await pool.restartXapi(pool.host(1))
    await pool.call('VM.hard_shutdown', vm)
    expect(plugin.calls(/^Datapath/)).toEqual(['Datapath.deactivate 1', 'Datapath.detach 1', 'Datapath.close'])
  })

  test('a refused activation fails the start cleanly, with the error of the plug-in', async () => {
    const vm = await pool.vm('web')
    const vbd = await pool.vbd(vm, await pool.vdi(sr, 4096))
    const refusal = { code: 'NOT_THE_HOLDER', params: ['host7', 'wait'], backtrace: { error: '', files: [], lines: [] } }
    plugin.fail('Datapath.activate', JSON.stringify(refusal))
    plugin.forgetCalls()
    expect(await pool.refusal('VM.start', vm, false, false)).toEqual(['NOT_THE_HOLDER', 'host7', 'wait'])
    expect(plugin.calls(/^Datapath/).slice(-2)).toEqual(['Datapath.detach 1', 'Datapath.close'])
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', current_operations: {} })
    expect(pool.db.get('VBD', vbd, 'currently_attached')).toBe(false)
    expect(pool.hosts.every((host) => host.domains.running.size === 0)).toBe(true)
    plugin.mend('Datapath.activate')
    await pool.call('VM.start', vm, false, false)
    await pool.call('VM.hard_shutdown', vm)
  })

  test('a failure that is not an error object is SCRIPT_FAILED with what was printed', async () => {
    plugin.fail('SR.ls', 'gone wrong')
    expect((await pool.refusal('SR.scan', sr)).slice(0, 4)).toEqual(['SCRIPT_FAILED', 'SR.ls', '1', 'gone wrong'])
  })

  test('a call without an executable is not implemented', async () => {
    const vm = await pool.vm('web')
    await pool.vbd(vm, await pool.vdi(sr, 4096))
    expect(await pool.refusal('VM.clone', vm, 'copy')).toEqual(['UNIMPLEMENTED_IN_SM_BACKEND', 'Volume.clone'])
  })

  test('a host that was dead gets it plugged when its toolstack starts', async () => {
    pool.host(1).dead = true
    const other = await pool.sr(pool.first, 'trial', {}, true)
    const attached = (): unknown[] =>
      (pool.db.get('SR', other, 'PBDs') as string[]).map((pbd) => pool.db.get('PBD', pbd, 'currently_attached'))
    expect(attached()).toEqual([true, false])
    pool.host(1).dead = false
    await pool.restartXapi(pool.host(1))
    expect(attached()).toEqual([true, true])
  })

  test('content is copied between repositories of different types, both ways', async () => {
    const plain = await pool.sr(pool.host(1), 'file', { location: '/srv/disks' })
    const from = await pool.vdi(plain, 1 << 20)
    const content = Buffer.alloc(1 << 20, 'holdfast ')
    writeFileSync(join(pool.host(1).root, 'srv/disks', `${pool.text('VDI', from, 'location')}.raw`), content)
    const there = text(await pool.call('VDI.copy', from, sr, 'OpaqueRef:NULL', 'OpaqueRef:NULL'))
    expect(pool.db.get('VDI', there, 'SR')).toBe(sr)
    expect(readFileSync(plugin.file(pool.text('VDI', there, 'location'))).equals(content)).toBe(true)
    const back = await pool.vdi(plain, 1 << 20)
    expect(await pool.call('VDI.copy', there, plain, 'OpaqueRef:NULL', back)).toBe(back)
    const file = join(pool.host(1).root, 'srv/disks', `${pool.text('VDI', back, 'location')}.raw`)
    expect(readFileSync(file).equals(content)).toBe(true)
    expect(pool.db.get('VDI', there, 'current_operations')).toEqual({})
    const small = await pool.vdi(plain, 4096)
    expect((await pool.refusal('VDI.copy', there, plain, 'OpaqueRef:NULL', small))[0]).toBe('VDI_TOO_SMALL')
    plugin.forgetCalls()
    plugin.fail('Datapath.attach', '{"code":"NO","params":[]}')
    expect(await pool.refusal('VDI.copy', there, plain, 'OpaqueRef:NULL', 'OpaqueRef:NULL')).toEqual(['NO'])
    expect(plugin.calls(/^Datapath.close/)).toEqual(['Datapath.close'])
  })
})

test('a plug-in folder whose query fails is no type', async () => {
  const pool = await TestPool.of(1)
  const folder = join(pool.first.root, 'usr/libexec/xapi-storage-script/volume')
  mkdirSync(join(folder, 'empty'), { recursive: true })
  pool.script(pool.first, 'usr/libexec/xapi-storage-script/volume/broken/Plugin.Query', '#!/bin/sh\nexit 3\n')
  expect(await pool.call('SR.get_supported_types')).toEqual(['file', 'ext'])
  pool.close()
})
