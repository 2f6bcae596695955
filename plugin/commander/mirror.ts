import type { Command } from 'commander'
import { registerMirrorServe } from './mirror-serve'
import { registerMirrorStatus } from './mirror-status'
import { registerMirrorTakeOver } from './mirror-take-over'
import { registerMirrorTimeline } from './mirror-timeline'
import { registerMirrorVerify } from './mirror-verify'
import type { CommandWorld } from './terminal'

/** Mirrors of operators who have no XAPI: `holdfast mirror serve` on two machines, and a witness on a third. */
export function registerMirror(program: Command, world: CommandWorld): void {
  const mirror = program.command('mirror').description('a mirror of two machines without a pool').helpCommand(false)
  registerMirrorServe(mirror)
  registerMirrorStatus(mirror, world)
  registerMirrorVerify(mirror, world)
  registerMirrorTakeOver(mirror, world)
  registerMirrorTimeline(mirror, world)
}
