import { Refusal } from '../../../lib/core/domain/errors'
import type { SrUuid, VolumeKey } from '../../../lib/core/domain/ids'
import type { VolumeRecord } from '../../../lib/core/domain/volume'
import { Catalogue } from '../../../lib/daemon/host/catalogue'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { A, B, freshVm } from '../../contracts/witness-port'

const KEY = '77777777-0000-4000-8000-000000000009' as VolumeKey
const VM = freshVm()
const NEW: Omit<VolumeRecord, 'version' | 'author'> = {
  ...{ key: KEY, sr: '77777777-0000-4000-8000-000000000001' as SrUuid, name: 'a', description: '', sizeBytes: 1, keys: {} },
  ...{ sharable: false, vm: VM, level: 'restart', homes: [B, A], deleted: false },
}

/** Of two hosts, as long as they hear each other. */
class Pair {
  connected = true
  readonly a = this.#catalogue(A)
  readonly b = this.#catalogue(B)

  #catalogue(host: typeof A): Catalogue {
    const parts = {
      ...{ host, config: { hosts: { [A]: {}, [B]: {} } }, log: { debug: () => undefined, warn: () => undefined } },
      askPeer: async (to: typeof A, _fn: string, ask: { records: { list: VolumeRecord[] } }) => {
        if (!this.connected) throw new Refusal('HOLDFAST_HOST_UNREACHABLE', { host: to, reason: 'apart' })
        const other = to === A ? this.a : this.b
        await other.receive(ask.records.list)
        return { list: other.all() }
      },
    }
    return new Catalogue(parts as unknown as HostParts)
  }
}

async function apart(): Promise<Pair> {
  const pair = new Pair()
  await pair.b.add(NEW)
  pair.connected = false
  return pair
}

test('what the holder of the claim decides outranks all that another host has changed meanwhile', async () => {
  const pair = await apart()
  for (let n = 0; n < 50; n++) await pair.b.change(KEY, { guestActive: n % 2 === 0 })
  const ended = await pair.a.decide(KEY, { vm: null, homes: [A] }, 1)
  pair.connected = true
  expect(await pair.b.reconcile(A)).toBeNull()
  expect([pair.a.get(KEY), pair.b.get(KEY)]).toEqual([ended, ended])
})

test('and what a former holder decided that nobody has heard of', async () => {
  const pair = await apart()
  for (let n = 0; n < 50; n++) await pair.b.decide(KEY, { level: 'redirect', homes: [B] }, 1)
  const taken = await pair.a.decide(KEY, { homes: [A] }, 2)
  const next = await pair.a.change(KEY, { guestActive: true })
  expect(next.version).toBe(taken.version + 1)
  pair.connected = true
  expect(await pair.b.reconcile(A)).toBeNull()
  expect(pair.b.get(KEY)).toEqual(next)
})
