/** One watcher of our own for each session that a recording has watcher steps of. */
import type { LoopbackPool } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Recording, Step } from './recording'
import { kindOf } from './recording'
import type { Verdict } from './replay'
import type { Missing } from './watcher'
import { Watcher } from './watcher'

export class Watchers {
  private constructor(private readonly followed: readonly { steps: readonly Step[]; watcher: Watcher }[]) {}

  static async start({ steps }: Recording, pool: LoopbackPool): Promise<Watchers> {
    const bySession = new Map<string, Step[]>()
    for (const step of steps.filter((each) => kindOf(each) === 'watch')) {
      const { params } = step.members
      const session = Array.isArray(params) ? String(params[0]) : ''
      bySession.set(session, [...(bySession.get(session) ?? []), step])
    }
    const followed = [...bySession.values()].map(async (own) => {
      const [first] = own
      const host = pool.hosts.find(({ name }) => name === first?.host)
      if (first === undefined || host === undefined) throw new Error('a watcher of no host')
      return { steps: own, watcher: await Watcher.start(host.socketPath, first) }
    })
    return new Watchers(await Promise.all(followed))
  }

  /** Only now are all names bound that the recording's other answers give. `unknown` are the methods that are not built. */
  async verdicts(names: Placeholders, unknown: ReadonlySet<string>): Promise<Verdict[]> {
    const all: Verdict[] = []
    for (const { steps, watcher } of this.followed) {
      await watcher.stop()
      for (const step of steps) all.push(verdictOn(step, watcher.missing(step, names), unknown))
    }
    return all
  }
}

/** Where all that is missing are the tasks of methods that are not built, so is the step. */
function verdictOn(step: Step, missing: readonly Missing[], unknown: ReadonlySet<string>): Verdict {
  const [first] = missing
  if (first === undefined) return { step, is: 'same', why: '' }
  const isUnknown = missing.every(({ label }) => unknown.has(label.replace(/^Async\./u, '')))
  const told = missing.find(({ label }) => !unknown.has(label)) ?? first
  return { step, is: isUnknown ? 'not built' : 'different', why: told.why }
}
