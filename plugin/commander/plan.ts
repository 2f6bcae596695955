import type { Command } from 'commander'
import type { PlanReport } from '../../lib/wire/daemon-api'
import { forecastText } from './lockstep-text'
import { filled } from './table'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

export function registerPlan(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('plan')
    .description('what a change of level would do; changes nothing')
    .argument('<vm>', 'uuid or name')
    .requiredOption('--level <level>', 'unprotected, restart, redirect or lockstep')
    .option('--json', "the daemon's answer as JSON")
    .action(async (vm: string, options: { level: string; json?: true }) => {
      const report = await ask('plan', { vm: await vmByName(vm, ask), level: options.level })
      terminal.out(options.json ? json(report) : planText(report))
    })
}

function planText({ name, from, to, secondary, needsHalt, steps, forecast }: PlanReport): string {
  const head = `${name}: ${from} -> ${to}${secondary === null ? '' : `, secondary ${secondary}`}\n`
  if (steps.length === 0) return `${head}Nothing has to be done.\n`
  const halt = needsHalt ? 'The VM must be halted first, because its disks have to move.\n' : ''
  const cost = forecast === undefined ? '' : `\n${filled(forecastText(forecast, secondary ?? 'its secondary'), '')}`
  return `${head}${halt}${cost}\n${steps.map(({ step, reason }, index) => `${String(index + 1).padStart(2)}. ${step}\n${filled(reason, '    ')}`).join('')}`
}
