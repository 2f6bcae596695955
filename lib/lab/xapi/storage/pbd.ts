/** A repository as one host has it. */
import { ApiError, type ApiMethod, type CallContext, type MethodTable, type Ref } from '../../contract'
import { flag, text, textMap, texts } from '../../values'
import { constructorRecord } from '../vm/constructor'
import { assertExists, uuidOf } from '../vm/machine'
import { hostAnswers } from '../vm/reset'

const isPlugged = ({ db }: CallContext, pbd: Ref): boolean => flag(db.get('PBD', pbd, 'currently_attached'))

export async function plug(call: CallContext, pbd: Ref): Promise<void> {
  const { db } = call
  if (isPlugged(call, pbd)) return
  const sr = text(db.get('PBD', pbd, 'SR'))
  await call.agentOf(text(db.get('PBD', pbd, 'host'))).perform('sr.attach', {
    sr: uuidOf(db, 'SR', sr),
    type: text(db.get('SR', sr, 'type')),
    config: textMap(db.get('PBD', pbd, 'device_config')),
  })
  db.set('PBD', pbd, 'currently_attached', true)
}

/** Disks of the repository in use by a machine of the host hold it. */
function assertUnused({ db }: CallContext, pbd: Ref): void {
  const host = text(db.get('PBD', pbd, 'host'))
  for (const vdi of texts(db.get('SR', text(db.get('PBD', pbd, 'SR')), 'VDIs')))
    for (const vbd of texts(db.get('VDI', vdi, 'VBDs')))
      if (flag(db.get('VBD', vbd, 'currently_attached')) && db.get('VM', text(db.get('VBD', vbd, 'VM')), 'resident_on') === host)
        throw new ApiError('VDI_IN_USE', vdi, 'detach')
}

export async function unplug(call: CallContext, pbd: Ref): Promise<void> {
  const { db } = call
  if (!isPlugged(call, pbd)) return
  assertUnused(call, pbd)
  const sr = uuidOf(db, 'SR', text(db.get('PBD', pbd, 'SR')))
  await call.agentOf(text(db.get('PBD', pbd, 'host'))).perform('sr.detach', { sr })
  db.set('PBD', pbd, 'currently_attached', false)
}

/** Plugs where it can: one that fails, or whose host is dead, stays unplugged for an operator to see. */
export async function plugWhereAlive(call: CallContext, pbds: readonly Ref[]): Promise<void> {
  await Promise.all(
    pbds.map(async (pbd) => {
      if (!(await hostAnswers(call, text(call.db.get('PBD', pbd, 'host'))))) return
      try {
        await plug(call, pbd)
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
      }
    }),
  )
}

/** Plugs a host's repositories; answers whether all of them are. */
export async function pluggedAt(call: CallContext, host: Ref): Promise<boolean> {
  const pbds = texts(call.db.get('host', host, 'PBDs'))
  await plugWhereAlive(call, pbds)
  return pbds.every((pbd) => !call.db.exists('PBD', pbd) || isPlugged(call, pbd))
}

const pbdMethod = (act: (call: CallContext, pbd: Ref) => Promise<void>): ApiMethod => ({
  params: [['self', 'PBD ref']],
  run: async (call, [self]) => {
    assertExists(call.db, 'PBD', text(self))
    await act(call, text(self))
    return ''
  },
})

export const pbdMethods: MethodTable = {
  'PBD.create': {
    params: [['args', 'PBD record']],
    run: ({ db }, [args]) => {
      const fields = constructorRecord('PBD', args)
      const [host, sr] = [text(fields['host']), text(fields['SR'])]
      assertExists(db, 'host', host)
      assertExists(db, 'SR', sr)
      const twin = texts(db.get('SR', sr, 'PBDs')).find((pbd) => db.get('PBD', pbd, 'host') === host)
      if (twin !== undefined) throw new ApiError('PBD_EXISTS', sr, host, twin)
      return Promise.resolve(db.create('PBD', { ...fields, currently_attached: false }))
    },
  },
  'PBD.plug': pbdMethod(plug),
  'PBD.unplug': pbdMethod(unplug),
  'PBD.destroy': pbdMethod((call, pbd) => {
    if (isPlugged(call, pbd)) throw new ApiError('OPERATION_NOT_ALLOWED', 'PBD is currently attached')
    call.db.destroy('PBD', pbd)
    return Promise.resolve()
  }),
}
