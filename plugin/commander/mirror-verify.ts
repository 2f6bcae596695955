import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { WorkerStatus } from '../../lib/wire/worker-api'
import { compared, comparisonText, endIfDiffering, type Compared } from './comparison'
import { servedMirror, type ServedMirror } from './mirror-ask'
import { json, type CommandWorld } from './terminal'

export function registerMirrorVerify(mirror: Command, { terminal }: CommandWorld): void {
  mirror
    .command('verify')
    .description('compares both replicas, while the disk is in use; asked on the primary')
    .requiredOption('--folder <dir>', 'the folder of this side')
    .option('--repair', 'copy what differs from the replica that is read to the other one')
    .option('--json', 'what was found as JSON')
    .action(async ({ folder, repair, json: asJson }: { folder: string; repair?: true; json?: true }) => {
      const mirror = servedMirror(folder)
      const { name } = mirror.record
      await begin(mirror, repair ?? false)
      const disks = await compared(() => look(mirror), terminal)
      const command = `holdfast mirror verify --folder ${folder} --repair`
      const text = asJson ? json(disks) : comparisonText(name, disks, command)
      if (text !== '') terminal.out(text)
      const stopped = disks.find(({ verify }) => verify.state === 'stopped')
      if (stopped === undefined) endIfDiffering(disks)
      else throw refusal(mirror, `${stopped.verify.why}.`, 'Repeat it when they are mirrored again.')
    })
}

const refusal = ({ record }: ServedMirror, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_NOT_COMPARED', { mirror: record.name, host: record.host, reason: capital(reason), todo })

async function begin(mirror: ServedMirror, repair: boolean): Promise<void> {
  const status = await mirror.ask('status', {})
  refuseOthers(mirror, status)
  try {
    await mirror.ask('verify', { repair })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'HOLDFAST_VERIFY_UNDER_WAY')
      throw refusal(
        mirror,
        `A comparison ${repair ? 'without' : 'with'} --repair is under way.`,
        'Wait until it is over, then repeat.',
      )
    if (error.code !== 'HOLDFAST_NOT_REDUNDANT') throw error
    const reason = `Only one replica can be used now: ${status.degraded}.`
    throw refusal(mirror, reason, `Wait until holdfast mirror status --folder ${mirror.folder} says mirrored.`)
  }
}

function refuseOthers(mirror: ServedMirror, { role, claim }: WorkerStatus): void {
  if (role === 'solo') throw refusal(mirror, 'A mirror of one has no second replica.', 'There is nothing to be done.')
  if (role === 'primary') return
  const holder = claim === null ? 'the primary' : mirror.nameOf(claim.claim.holder)
  throw refusal(mirror, 'This side is not the primary.', `Ask for it on ${holder}.`)
}

/** Nothing while the worker is started again; then it has forgotten the comparison. */
async function look({ ask, record }: ServedMirror): Promise<Compared[]> {
  try {
    const { volumes } = await ask('status', {})
    return volumes.flatMap(({ verify }) => (verify === null ? [] : [{ device: record.name, verify }]))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'HOLDFAST_MIRROR_NOT_SERVED') return []
    throw error
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
