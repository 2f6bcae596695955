import type { SplitDaemonApi, SplitExports } from '../../../wire/split-report'
import { asVm } from '../datapath'
import { hostNameOf } from '../names'
import { inventoryNow } from '../situation'
import { SplitKeeper } from './split-keep'
import { splitReport } from './split-report'
import { namedSide, refused, type SplitNeeds, type SplitSide, splitVm, type SplitVm, withSides } from './split-sides'
import { timelineReport } from '../timeline-report'

type Handlers = { readonly [F in keyof SplitDaemonApi]: (ask: SplitDaemonApi[F]['ask']) => Promise<SplitDaemonApi[F]['answer']> }

const FORWARD_LIMIT_MS = 15_000
/** More than a timeline keeps of one VM. */
const ENTRIES = 10_000

/** After a bad day: what each host knows of two histories of a VM, and what the operator does about them. */
export function splitHandlers(needs: SplitNeeds): Handlers {
  const { parts, fleet } = needs
  const keeper = new SplitKeeper(needs)

  const disksOf = (of: Pick<SplitVm, 'vm' | 'records'>): { volume: SplitVm['records'][number]['key']; device: string }[] => {
    const disks = inventoryNow(parts).vms.find(({ uuid }) => uuid === of.vm)?.disks ?? []
    return of.records.map(({ key }) => ({
      volume: key,
      device: disks.find(({ location }) => location === key)?.userdevice ?? '?',
    }))
  }

  const exported = async (of: SplitVm, side: SplitSide, disk: string | undefined, serve: boolean): Promise<SplitExports> => {
    const all = disksOf(of)
    const wanted = disk === undefined ? all : all.filter(({ volume, device }) => volume === disk || device === disk)
    if (wanted.length === 0)
      throw refused(
        `VM ${of.name}`,
        `It has no disk "${(disk ?? '').slice(0, 80)}".`,
        `Name one of these: ${all.map(({ device }) => device).join(', ')}.`,
      )
    const answers = []
    for (const { volume, device } of wanted) {
      const answer = await fleet.ask(of.vm, 'split-export', { volume, serve })
      if (answer !== null) answers.push({ ...answer, device, volume })
    }
    const text = serve
      ? `The replica of ${side.name} is served read-only to an operator.`
      : `The replica of ${side.name} is no longer served to an operator.`
    const act = serve ? 'split-exported' : 'split-export-ended'
    parts.timeline.record({ vm: of.vm, act, rule: 'operator-asked', text, evidence: { disks: wanted.length } })
    return { host: side.name, disks: answers }
  }

  return {
    split: async ({ vm: text, compare }) => {
      const seen = await withSides(needs, await splitVm(needs, text), compare ?? false)
      const keeping = keeper.of(seen.vm)
      const of = { ...seen, sides: seen.sides.map((side) => (side.host === parts.host ? { ...side, keeping } : side)) }
      const { entries } = await timelineReport(parts, { vm: of.vm, limit: ENTRIES }, needs.isAlive)
      const disks = disksOf(of)
      return splitReport(of, entries, ({ key }) => disks.find(({ volume }) => volume === key)?.device ?? '?')
    },
    'split-export': async (ask) => {
      const of = await withSides(needs, await splitVm(needs, ask.vm), false)
      const side = namedSide(of, ask.host)
      if (side.host !== parts.host) return parts.askPeer(side.host, 'split-export', { ...ask, host: side.host }, FORWARD_LIMIT_MS)
      return exported(of, side, ask.disk, ask.end !== true)
    },
    'split-keep': (ask) => keeper.keep(ask),
    'split-here': async ({ vm: text, compare }) => {
      const vm = asVm(text)
      if (!fleet.has(vm))
        throw refused(`VM ${vm}`, `${hostNameOf(parts, parts.host)} has no worker for it.`, 'Look at: holdfast status.')
      return { ...(await fleet.ask(vm, 'split', { compare })), keeping: keeper.of(vm) }
    },
    'split-put-away': async ({ vm: text, volumes, keep }) => {
      const vm = asVm(text)
      const keys = volumes.map((volume) => needs.catalogue.get(volume).key)
      const answer = await fleet.ask(vm, 'split-put-away', { volumes: keys, keep }, FORWARD_LIMIT_MS)
      const where = answer.folders.length === 0 ? 'removed' : `put into ${answer.folders.join(', ')}`
      const told = `The replica of this host was ${where}: the history of the other one is kept.`
      parts.timeline.record({ vm, act: 'replica-put-away', rule: 'operator-chose', text: told, evidence: { disks: keys.length } })
      return answer
    },
    'split-aside': async ({ vm: text, volume }) => {
      const vm = asVm(text)
      const key = needs.catalogue.get(volume).key
      return fleet.ask(vm, 'split-keep-aside', { volume: key }, FORWARD_LIMIT_MS)
    },
  }
}
