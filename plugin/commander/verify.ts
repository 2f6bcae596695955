import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { DiskStatus } from '../../lib/wire/daemon-api'
import { compared, comparisonText, endIfDiffering, type Compared } from './comparison'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

export function registerVerify(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('verify')
    .description('compares both replicas of every disk of a protected VM, while it runs')
    .argument('<vm>', 'uuid or name')
    .option('--repair', 'copy what differs from the side that the guest reads to the other one')
    .option('--json', 'what was found as JSON')
    .action(async (name: string, options: { repair?: true; json?: true }) => {
      const vm = await vmByName(name, ask)
      await ask('verify', { vm, repair: options.repair ?? false })
      const disks = await compared(async () => disksOf(await ask('status', { vm })), terminal)
      const text = options.json ? json(disks) : comparisonText(name, disks, `holdfast verify ${name} --repair`)
      if (text !== '') terminal.out(text)
      const stopped = disks.find(({ verify }) => verify.state === 'stopped')
      if (stopped === undefined) endIfDiffering(disks)
      else throw new Refusal('HOLDFAST_NOT_REDUNDANT', { vm: name, reason: stopped.verify.why })
    })
}

const disksOf = ({ vms }: { vms: readonly { disks: readonly DiskStatus[] }[] }): Compared[] =>
  (vms[0]?.disks ?? []).flatMap(({ device, verify }) => (verify === null ? [] : [{ device, verify }]))
