import { PoolDatabase } from '../../../../lib/lab/xapi/database/database'
import { dump, restore } from '../../../../lib/lab/xapi/database/state-file'

const changes = (db: PoolDatabase, cls: string, since: number): string[] =>
  db.since(cls, since).map(({ ref, change }) => `${change} ${ref}`)

describe('the database', () => {
  let db: PoolDatabase
  beforeEach(() => (db = new PoolDatabase()))

  test('fills in defaults, a uuid and back references', () => {
    const vm = db.create('VM', { name_label: 'web', uuid: 'u-1' }, 'OpaqueRef:vm')
    const vbd = db.create('VBD', { VM: vm }, 'OpaqueRef:vbd')
    expect(db.record('VM', vm)).toMatchObject({ name_label: 'web', power_state: 'Halted', VBDs: [vbd], VCPUs_params: {} })
    expect(db.byUuid('VM', 'u-1')).toBe(vm)
    db.destroy('VBD', vbd)
    expect(db.get('VM', vm, 'VBDs')).toEqual([])
  })

  test('one event per object however often it changed, none for a value set again or a life nobody saw', () => {
    const vm = db.create('VM', {}, 'OpaqueRef:vm')
    expect(changes(db, 'VM', 0)).toEqual(['add OpaqueRef:vm'])
    const seen = db.generation
    db.set('VM', vm, 'name_label', '')
    expect(db.generation).toBe(seen)
    db.set('VM', vm, 'name_label', 'a')
    db.set('VM', vm, 'name_label', 'b')
    db.destroy('VM', db.create('VM', {}))
    expect(changes(db, 'VM', seen)).toEqual(['mod OpaqueRef:vm'])
    db.destroy('VM', vm)
    expect(changes(db, 'VM', seen)).toEqual(['del OpaqueRef:vm'])
  })

  test('both ends of a reference change together', () => {
    db.create('VM', {}, 'OpaqueRef:vm')
    const before = db.generation
    db.create('VBD', { VM: 'OpaqueRef:vm' })
    expect(changes(db, 'VM', before)).toEqual(['mod OpaqueRef:vm'])
  })

  test('what is read is a copy', () => {
    const vm = db.create('VM', { tags: ['a'] })
    const tags = db.get('VM', vm, 'tags')
    if (Array.isArray(tags)) tags.push('b')
    expect(db.get('VM', vm, 'tags')).toEqual(['a'])
  })

  test('unknown objects are an error of the API, unknown fields a bug', () => {
    expect(() => db.get('VM', 'OpaqueRef:NULL', 'uuid')).toThrow('HANDLE_INVALID VM OpaqueRef:NULL')
    expect(() => db.create('VM', { nmae_label: 'x' })).toThrow('no field VM.nmae_label')
  })

  test('comes back from a dump without sessions and what was under way, every object new to an old token', () => {
    const vm = db.create('VM', { name_label: 'web', current_operations: { 'OpaqueRef:task': 'start' } })
    db.create('VBD', { VM: vm })
    db.create('session', {})
    const token = db.generation
    const again = restore(dump(db))
    expect(again.refs('session')).toEqual([])
    expect(again.record('VM', vm)).toEqual({ ...db.record('VM', vm), current_operations: {} })
    expect(changes(again, 'VM', token)).toEqual([`add ${vm}`])
  })
})
