/** Messages that set a field of a machine after a look at its state. */
import { ApiError, type ApiMethod, type CallContext, type MethodTable, type Ref, type Value } from '../../contract'
import { int, record, text } from '../../values'
import { updateVm } from './allowed'
import { assertExists } from './machine'
import { type VmOperation, assertOperationValid } from './power-state'

function setter(type: string, set: (call: CallContext, vm: Ref, value: Value) => void, needs?: VmOperation): ApiMethod {
  return {
    params: [
      ['self', 'VM ref'],
      ['value', type],
    ],
    run: (call, [self, value]) => {
      assertExists(call.db, 'VM', text(self))
      if (needs !== undefined) assertOperationValid(call, text(self), needs)
      set(call, text(self), value ?? '')
      return Promise.resolve('')
    },
  }
}

const plain =
  (...fields: string[]) =>
  ({ db }: CallContext, vm: Ref, value: Value): void => {
    for (const field of fields) db.set('VM', vm, field, value)
  }

const notNegative =
  (field: string) =>
  ({ db }: CallContext, vm: Ref, value: Value): void => {
    if (int(value) < 0) throw new ApiError('INVALID_VALUE', field, String(int(value)))
    db.set('VM', vm, field, value)
  }

const MEMORY = ['memory_static_min', 'memory_dynamic_min', 'memory_dynamic_max', 'memory_static_max'] as const

function memoryLimits(call: CallContext, vm: Ref, limits: readonly number[]): void {
  const text = limits.join(', ')
  if (limits.some((limit, index) => limit < (limits[index - 1] ?? 0))) throw new ApiError('MEMORY_CONSTRAINT_VIOLATION', text)
  MEMORY.forEach((field, index) => call.db.set('VM', vm, field, limits[index] ?? 0))
}

const blockedOperations =
  (act: (blocked: Record<string, Value>, call: CallContext, vm: Ref, args: readonly Value[]) => void) =>
  (call: CallContext, args: readonly Value[]): Promise<Value> => {
    const vm = text(args[0])
    assertExists(call.db, 'VM', vm)
    const blocked = record(call.db.get('VM', vm, 'blocked_operations'))
    act(blocked, call, vm, args)
    call.db.set('VM', vm, 'blocked_operations', blocked)
    updateVm(call.db, vm)
    return Promise.resolve('')
  }

export const settingMethods: MethodTable = {
  'VM.set_blocked_operations': {
    params: [
      ['self', 'VM ref'],
      ['value', '(enum vm_operations -> string) map'],
    ],
    run: (call, [self, value]) => {
      assertExists(call.db, 'VM', text(self))
      call.db.set('VM', text(self), 'blocked_operations', value ?? {})
      updateVm(call.db, text(self))
      return Promise.resolve('')
    },
  },
  'VM.add_to_blocked_operations': {
    params: [
      ['self', 'VM ref'],
      ['key', 'enum vm_operations'],
      ['value', 'string'],
    ],
    run: blockedOperations((blocked, _call, vm, [, key, value]) => {
      if (text(key) in blocked) throw new ApiError('MAP_DUPLICATE_KEY', 'VM', 'blocked_operations', vm, text(key))
      blocked[text(key)] = value ?? ''
    }),
  },
  'VM.remove_from_blocked_operations': {
    params: [
      ['self', 'VM ref'],
      ['key', 'enum vm_operations'],
    ],
    run: blockedOperations((blocked, _call, _vm, [, key]) => {
      Reflect.deleteProperty(blocked, text(key))
    }),
  },
  'VM.set_VCPUs_max': setter('int', plain('VCPUs_max'), 'changing_VCPUs'),
  'VM.set_VCPUs_at_startup': setter('int', plain('VCPUs_at_startup'), 'changing_VCPUs'),
  'VM.set_is_a_template': setter('bool', plain('is_a_template'), 'make_into_template'),
  'VM.set_memory': setter('int', plain(...MEMORY.slice(1)), 'changing_static_range'),
  'VM.set_memory_static_min': setter('int', plain('memory_static_min'), 'changing_static_range'),
  'VM.set_memory_static_max': setter('int', plain('memory_static_max'), 'changing_static_range'),
  'VM.set_memory_limits': {
    params: [
      ['self', 'VM ref'],
      ['static_min', 'int'],
      ['static_max', 'int'],
      ['dynamic_min', 'int'],
      ['dynamic_max', 'int'],
    ],
    run: (call, [self, staticMin, staticMax, dynamicMin, dynamicMax]) => {
      assertExists(call.db, 'VM', text(self))
      assertOperationValid(call, text(self), 'changing_static_range')
      memoryLimits(call, text(self), [staticMin, dynamicMin, dynamicMax, staticMax].map(int))
      return Promise.resolve('')
    },
  },
  'VM.set_actions_after_crash': setter('enum on_crash_behaviour', plain('actions_after_crash')),
  'VM.set_domain_type': setter('enum domain_type', plain('domain_type'), 'changing_VCPUs'),
  'VM.set_order': setter('int', notNegative('order')),
  'VM.set_start_delay': setter('int', notNegative('start_delay')),
  'VM.set_shutdown_delay': setter('int', notNegative('shutdown_delay')),
  'VM.set_ha_restart_priority': setter('string', ({ db }, vm, value) => {
    if (!['', 'restart', 'best-effort'].includes(text(value)))
      throw new ApiError('INVALID_VALUE', 'ha_restart_priority', text(value))
    db.set('VM', vm, 'ha_restart_priority', value)
  }),
  'VM.set_ha_always_run': setter('bool', plain('ha_always_run')),
  'VM.update_allowed_operations': {
    params: [['self', 'VM ref']],
    run: (call, [self]) => {
      assertExists(call.db, 'VM', text(self))
      updateVm(call.db, text(self))
      return Promise.resolve('')
    },
  },
}
