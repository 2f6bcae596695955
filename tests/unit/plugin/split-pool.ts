import { Refusal } from '../../../lib/core/domain/errors'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { Handlers } from '../../../lib/dom0/api/api-answer'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import type { Aside } from '../../../lib/wire/split'
import type { SplitDisk, SplitReport } from '../../../lib/wire/split-report'

const WEB = vmUuid('aaaaaaaa-0001-4000-8000-000000000001')
const VOLUME = volumeKey('dddddddd-0001-4000-8000-000000000001')
const [H1, H2] = [hostUuid('bbbbbbbb-0001-4000-8000-000000000001'), hostUuid('bbbbbbbb-0002-4000-8000-000000000002')]
const MIB = 1024 ** 2
const SOCKET = `/run/holdfast/workers/${WEB}/split-0.sock`

/** Two histories of web's disk: a comparison that is over at the second look, and a choice that takes two looks. */
export function splitPool(healthy: Handlers<DaemonApi>, state: SplitReport['state'] = 'split'): Handlers<DaemonApi> {
  let looks = 0
  let wanted: { host: string; by: string; looks: number; discard: boolean } | null = null

  const keeping = (): SplitReport['keeping'] =>
    wanted === null
      ? null
      : { host: wanted.host, by: 'root', state: ++wanted.looks > 1 ? 'done' : 'copying-aside', why: '', folders: [] }

  const aside = (): Aside | null =>
    wanted === null || wanted.discard
      ? null
      : {
          ...{ state: wanted.looks > 1 ? 'done' : 'copying', why: '', folder: '/srv/holdfast/kept-69a41180c0ffee00' },
          ...{ doneBytes: wanted.looks > 1 ? 800 * MIB : 200 * MIB, totalBytes: 800 * MIB },
        }

  const history = {
    state: 'up-to-date',
    generations: { current: '', bitmap: '', former: '', history: [] },
    exported: null,
  } as const
  const disk = (): SplitDisk => ({
    ...{ volume: VOLUME, device: '0', sizeBytes: 8192 * MIB, rule: 'both-wrote-since', refused: 'h2' },
    histories: [
      {
        ...{ ...history, host: 'h1', term: 4, changedBytes: 12 * MIB, aside: null },
        ...{ began: '2026-03-01T10:15:12Z', parted: '2026-02-28T08:00:00Z' },
      },
      {
        ...{ ...history, host: 'h2', term: 3, changedBytes: 4 * MIB, aside: aside() },
        ...{ began: '2026-03-01T10:15:04Z', parted: '2026-02-28T08:00:00Z' },
      },
    ],
    comparison: {
      ...{ state: looks > 1 ? 'done' : 'running', why: '', doneBytes: looks > 1 ? 16 * MIB : MIB, totalBytes: 16 * MIB },
      ...{ bytesPerSecond: 100 * MIB, etaSeconds: looks > 1 ? null : 1, differingBytes: 9 * MIB },
      ranges: [
        { offset: 65_536, length: 65_536, by: ['h1'] },
        { offset: 4096 * MIB, length: 131_072, by: ['h1', 'h2'] },
        { offset: 4097 * MIB, length: 65_536, by: [] },
      ],
    },
  })
  const report = (): SplitReport => ({
    ...{ vm: WEB, name: 'web', holder: 'h1', term: 4, keeping: keeping(), state },
    why: state === 'unknown' ? 'h2 does not answer' : '',
    hosts: [
      { uuid: H1, host: 'h1', holder: true, answers: true },
      { uuid: H2, host: 'h2', holder: false, answers: state !== 'unknown' },
    ],
    disks: state === 'split' ? [disk()] : [{ ...disk(), rule: null, refused: null, comparison: null }],
    served: [
      {
        ...{ host: 'h2', from: '2026-03-01T10:15:05.100Z', to: '2026-03-01T10:17:00.000Z', over: false },
        ...{ term: 3, writes: 310, writtenBytes: 4 * MIB },
      },
      {
        ...{ host: 'h1', from: '2026-03-01T10:15:13.000Z', to: '2026-03-01T11:00:00.000Z', over: true },
        ...{ term: 4, writes: 12_000, writtenBytes: 90 * MIB },
      },
    ],
    claims: [{ at: '2026-03-01T10:15:12.480Z', host: 'h1', term: 4, rule: 'take-over' }],
  })

  return {
    ...healthy,
    split: ({ vm }) => {
      looks++
      return vm === WEB ? Promise.resolve(report()) : Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm }))
    },
    'split-export': ({ host, end }) =>
      Promise.resolve({
        host,
        disks: end === true ? [] : [{ device: '0', volume: VOLUME, socket: SOCKET, exportName: 'disk' }],
      }),
    'split-keep': ({ host, by, discard }) => {
      wanted = { host: host === H1 ? 'h1' : host, by, looks: 0, discard: discard ?? false }
      return Promise.resolve({ vm: WEB })
    },
  }
}
