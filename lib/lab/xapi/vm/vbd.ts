/** Disks as machines have them. Plugging into a control domain opens the disk in that host's own dom0. */
import { ApiError, type ApiMethod, type CallContext, type MethodTable, NULL_REF, type Ref } from '../../contract'
import { type Members, flag, int, record, text } from '../../values'
import { updateVbd } from './allowed'
import { constructorRecord } from './constructor'
import { assertDiskFree, assertExists, diskArguments, uuidOf, vbdsOf } from './machine'
import { assertPowerState } from './power-state'

const DEVICES_MAX = 255

/** xvda, xvdb ... xvdz, xvdaa ... */
function deviceName(userdevice: number): string {
  const letters = (index: number): string =>
    (index >= 26 ? letters(Math.floor(index / 26) - 1) : '') + String.fromCharCode(97 + (index % 26))
  return `xvd${letters(userdevice)}`
}

function userdevice({ db }: CallContext, vm: Ref, wish: string): string {
  const taken = new Set(vbdsOf(db, vm).map((vbd) => text(db.get('VBD', vbd, 'userdevice'))))
  if (wish !== 'autodetect') {
    if (!/^\d+$/.test(wish) || Number(wish) > DEVICES_MAX) throw new ApiError('INVALID_DEVICE', wish)
    if (taken.has(wish)) throw new ApiError('DEVICE_ALREADY_EXISTS', wish)
    return wish
  }
  const free = Array.from({ length: DEVICES_MAX }, (_, index) => String(index)).find((name) => !taken.has(name))
  if (free === undefined) throw new ApiError('INVALID_DEVICE', wish)
  return free
}

function create(call: CallContext, fields: Members): Ref {
  const { db } = call
  const [vm, vdi] = [text(fields['VM']), text(fields['VDI'])]
  assertExists(db, 'VM', vm)
  const empty = flag(fields['empty'])
  if (!empty) assertExists(db, 'VDI', vdi)
  if (empty && text(fields['type']) !== 'CD') throw new ApiError('VBD_NOT_REMOVABLE_MEDIA', NULL_REF)
  const readOnlyDisk = !empty && flag(db.get('VDI', vdi, 'read_only'))
  if (readOnlyDisk && text(fields['mode']) === 'RW') throw new ApiError('VDI_READONLY', vdi)
  const place = userdevice(call, vm, text(fields['userdevice']))
  const dom0 = flag(db.get('VM', vm, 'is_control_domain'))
  const vbd = db.create('VBD', {
    ...fields,
    VDI: empty ? NULL_REF : vdi,
    userdevice: place,
    device: dom0 ? '' : deviceName(Number(place)),
    currently_attached: false,
  })
  updateVbd(db, vbd)
  return vbd
}

/** Where the machine of a VBD runs, and under which id its disks are opened there. */
function placeOf({ db }: CallContext, vbd: Ref): { host: Ref; domid: number; dom0: boolean } {
  const vm = text(db.get('VBD', vbd, 'VM'))
  const dom0 = flag(db.get('VM', vm, 'is_control_domain'))
  return { host: text(db.get('VM', vm, 'resident_on')), domid: dom0 ? 0 : int(db.get('VM', vm, 'domid')), dom0 }
}

async function plug(call: CallContext, vbd: Ref): Promise<void> {
  const { db } = call
  assertPowerState(db, text(db.get('VBD', vbd, 'VM')), ['Running', 'Paused'])
  if (flag(db.get('VBD', vbd, 'currently_attached'))) throw new ApiError('DEVICE_ALREADY_ATTACHED', vbd)
  if (flag(db.get('VBD', vbd, 'empty'))) throw new ApiError('VBD_IS_EMPTY', vbd)
  assertDiskFree(db, vbd)
  const { host, domid, dom0 } = placeOf(call, vbd)
  const disk = diskArguments(db, vbd)
  if (dom0) {
    const source = record(await call.agentOf(host).perform('disk.open', { domain: String(domid), disk }))
    const address =
      source['kind'] === 'file' ? source['path'] : `nbd:unix:${text(source['socket'])}:exportname=${text(source['exportName'])}`
    db.set('VBD', vbd, 'device', address ?? '')
  } else await call.agentOf(host).perform('domain.plug-disk', { domid, disk })
  db.set('VBD', vbd, 'currently_attached', true)
  updateVbd(db, vbd)
}

async function unplug(call: CallContext, vbd: Ref): Promise<void> {
  const { db } = call
  assertPowerState(db, text(db.get('VBD', vbd, 'VM')), ['Running', 'Paused'])
  if (!flag(db.get('VBD', vbd, 'currently_attached'))) throw new ApiError('DEVICE_ALREADY_DETACHED', vbd)
  const { host, domid, dom0 } = placeOf(call, vbd)
  const disk = diskArguments(db, vbd)
  if (dom0) await call.agentOf(host).perform('disk.close', { domain: String(domid), disk })
  else await call.agentOf(host).perform('domain.unplug-disk', { domid, disk })
  db.set('VBD', vbd, 'currently_attached', false)
  updateVbd(db, vbd)
}

function destroy({ db }: CallContext, vbd: Ref): Promise<void> {
  if (flag(db.get('VBD', vbd, 'currently_attached'))) {
    const machine = uuidOf(db, 'VM', text(db.get('VBD', vbd, 'VM')))
    throw new ApiError('OPERATION_NOT_ALLOWED', `VBD '${uuidOf(db, 'VBD', vbd)}' still attached to '${machine}'`)
  }
  db.destroy('VBD', vbd)
  return Promise.resolve()
}

const vbdMethod = (act: (call: CallContext, vbd: Ref) => Promise<void>): ApiMethod => ({
  params: [['self', 'VBD ref']],
  run: async (call, [self]) => {
    assertExists(call.db, 'VBD', text(self))
    await act(call, text(self))
    return ''
  },
})

export const vbdMethods: MethodTable = {
  'VBD.create': {
    params: [['args', 'VBD record']],
    run: (call, [args]) => Promise.resolve(create(call, constructorRecord('VBD', args))),
  },
  'VBD.destroy': vbdMethod(destroy),
  'VBD.plug': vbdMethod(plug),
  'VBD.unplug': vbdMethod(unplug),
  'VBD.unplug_force': vbdMethod(unplug),
  'VM.get_allowed_VBD_devices': {
    params: [['vm', 'VM ref']],
    run: ({ db }, [vm]) => {
      const taken = new Set(vbdsOf(db, text(vm)).map((vbd) => text(db.get('VBD', vbd, 'userdevice'))))
      return Promise.resolve(Array.from({ length: DEVICES_MAX }, (_, index) => String(index)).filter((name) => !taken.has(name)))
    },
  },
}
