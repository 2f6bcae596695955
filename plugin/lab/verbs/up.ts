import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { LabTimes } from '../../../lib/lab/contract'
import { ensureGuestImage } from '../../../lib/lab/guest/image/image'
import { BadRequest } from '../../../lib/lab/faults/fault'
import { removeLab } from '../../../lib/lab/rack/down'
import { labPaths } from '../../../lib/lab/rack/paths'
import { REAL_TIMES } from '../../../lib/lab/rack/pool'
import { labWatchdog } from '../../../lib/lab/rack/host-watchdog'
import { startLab, type StartOptions } from '../../../lib/lab/rack/up'
import { acting, dirOf, withDir } from './acting'

interface UpOptions {
  readonly hosts: string
  readonly product: boolean
  readonly setup: boolean
  /** false: --no-guest. */
  readonly guest?: string | false
  readonly bmc?: true
  readonly twoWitnesses?: true
  readonly hostWatchdog?: string
  readonly time: readonly string[]
}

export function registerUp(lab: Command): void {
  withDir(lab.command('up'))
    .description('make a lab and boot its hosts')
    .option('--hosts <number>', 'how many hosts', '2')
    .option('--guest <folder>', "folder with the guests' vmlinuz and initrd.gz (default: made from Debian packages, once)")
    .option('--no-guest', 'a lab that needs no guests')
    .option('--bmc', 'a power switch for each host, which the product may use')
    .option('--two-witnesses', 'a second witness, which the product may use')
    .option('--host-watchdog <seconds>', "a watchdog in each host's hardware, which the product uses; default: none")
    .option('--no-product', 'hosts without Holdfast')
    .option('--no-setup', 'hosts on which Holdfast is installed and not set up; witness.log has an invitation')
    .option('--time <name=ms>', `a time of the real xapi to shorten: ${Object.keys(REAL_TIMES).join(', ')}`, collect, [])
    .action((options: UpOptions, verb: Command) =>
      acting(async () => {
        const guest = await guestFolder(options.guest)
        const started = await startLab({
          dir: dirOf(verb),
          hosts: Number(options.hosts),
          times: timesOf(options.time),
          product: options.product,
          setUp: options.setup,
          bmc: options.bmc ?? false,
          alternate: options.twoWitnesses ?? false,
          ...watchdogOf(options.hostWatchdog),
          ...(guest === null ? {} : { guest }),
          onProgress: (doing) => process.stderr.write(`${doing}\n`),
        })
        process.stdout.write(`A lab of ${started.hosts.length} hosts runs at ${started.dir}\n`)
        for (const { name, address, uuid } of started.hosts) process.stdout.write(`  ${name}  ${address}  ${uuid}\n`)
        return 0
      }),
    )
}

export function registerDown(lab: Command): void {
  withDir(lab.command('down'))
    .description('kill everything of a lab and remove its directory')
    .action((_: unknown, verb: Command) =>
      acting(async () => {
        const paths = labPaths(dirOf(verb))
        process.stdout.write((await removeLab(paths)) ? `The lab at ${paths.dir} is gone\n` : `There is no lab at ${paths.dir}\n`)
        return 0
      }),
    )
}

async function guestFolder(option: string | false | undefined): Promise<string | null> {
  if (typeof option === 'string') {
    if (!existsSync(join(option, 'vmlinuz'))) throw new BadRequest(`--guest ${option}: there is no vmlinuz in that folder`)
    return option
  }
  return option === false ? null : (await ensureGuestImage()).directory
}

function watchdogOf(seconds: string | undefined): Pick<StartOptions, 'config'> {
  if (seconds === undefined) return {}
  if (!/^\d+$/.test(seconds)) throw new BadRequest(`--host-watchdog ${seconds}: write a number of seconds`)
  return { config: { hostWatchdog: labWatchdog(Number(seconds)) } }
}

const collect = (value: string, values: readonly string[]): readonly string[] => [...values, value]

function timesOf(given: readonly string[]): Partial<LabTimes> {
  return Object.fromEntries(
    given.map((text) => {
      const match = /^(\w+)=(\d+)$/.exec(text)
      const name = match?.[1] ?? ''
      if (!(name in REAL_TIMES)) {
        throw new BadRequest(`--time ${text}: write name=milliseconds with one of: ${Object.keys(REAL_TIMES).join(', ')}`)
      }
      return [name, Number(match?.[2])]
    }),
  )
}
