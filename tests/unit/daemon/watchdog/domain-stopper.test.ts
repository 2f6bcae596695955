import type { LeaseNote } from '../../../../lib/core/domain/lease-note'
import { DomainStopper, type Stop } from '../../../../lib/daemon/watchdog/domain-stopper'
import type { DomainState } from '../../../../lib/ports/domain-control'
import { QuietLog } from '../../../integration/quiet-log'

/** A toolstack whose calls end when the test says so, and the marks that the worker would see. */
class Host {
  state: DomainState = 'running'
  wanted = true
  readonly did: string[] = []
  readonly log = new QuietLog()
  readonly #open: { readonly verb: string; readonly end: (error?: Error) => void }[] = []
  readonly #pauses: (() => void)[] = []
  /** Calls that wait for end(). */
  slow: readonly string[] = []
  readonly stopper = new DomainStopper({
    log: this.log,
    leases: {
      read: () => [],
      paused: (_, state) => this.did.push(`mark ${state}`),
      destroyed: () => this.did.push('mark destroyed'),
    },
    timers: {
      after: () => ({ stop: () => undefined }),
      every: () => ({ stop: () => undefined }),
      pause: () => new Promise((resolve) => this.#pauses.push(resolve)),
    },
    domains: {
      state: async () => {
        await this.#call('list')
        return this.state
      },
      pause: async () => {
        await this.#call('pause')
        if (this.state === 'gone') throw new Error('xl: no such domain')
        this.state = 'standing'
      },
      destroy: async () => {
        await this.#call('destroy')
        this.state = 'gone'
      },
    },
  })

  async #call(verb: string): Promise<void> {
    if (verb !== 'list') this.did.push(verb)
    if (!this.slow.includes(verb)) return
    await new Promise<void>((resolve, reject) =>
      this.#open.push({ verb, end: (error) => (error === undefined ? resolve() : reject(error)) }),
    )
  }

  /** The one that was begun first. */
  end(verb: string, error?: Error): Promise<void> {
    const index = this.#open.findIndex((call) => call.verb === verb)
    if (index < 0) throw new Error(`no ${verb} is under way: ${this.did.join(', ')}`)
    for (const call of this.#open.splice(index, 1)) call.end(error)
    return settled()
  }

  timePasses(): Promise<void> {
    for (const resolve of this.#pauses.splice(0)) resolve()
    return settled()
  }

  destroy(then: LeaseNote['then'] = 'pause'): ReturnType<DomainStopper['destroy']> {
    return this.stopper.destroy(stopOf('destroy', then), () => this.wanted)
  }

  pause(domid = '7'): ReturnType<DomainStopper['pause']> {
    return this.stopper.pause({ ...stopOf('pause', 'pause'), domid }, () => this.wanted)
  }
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
}

function stopOf(verb: Stop['verb'], then: LeaseNote['then']): Stop {
  const times = { untilMs: 0, pauseWithinMs: 0, toldAtMs: 0 }
  const lease = { id: 'vm', pid: 10, startedTicks: 1, domids: ['7'], then, isPaused: false, ...times }
  return { do: 'stop', verb, domid: '7', attempt: 1, lease }
}

let host: Host
beforeEach(() => (host = new Host()))

describe('before a domain is destroyed', () => {
  test('it is looked at: one that stands is left standing', async () => {
    host.state = 'standing'
    const { stopped, ended } = host.destroy()
    expect([await stopped, await ended]).toEqual([{ ours: false, gone: false }, false])
    expect(host.did).toEqual([])
  })
  test('not where its worker wants it destroyed', async () => {
    host.state = 'standing'
    const { stopped, ended } = host.destroy('destroy')
    expect([await stopped, await ended]).toEqual([{ ours: true, gone: true }, true])
    expect(host.did).not.toContain('mark destroyed')
  })
  test('a look that is not answered in time is not waited for', async () => {
    host.slow = ['list', 'destroy']
    const { stopped } = host.destroy()
    await settled()
    expect(host.did).toEqual([])
    await host.timePasses()
    expect(host.did).toContain('destroy')
    host.slow = []
    await host.end('destroy')
    expect(await stopped).toEqual({ ours: true, gone: true })
  })
  test('a lease that was confirmed meanwhile spares it', async () => {
    host.slow = ['list']
    const { stopped, ended } = host.destroy()
    host.wanted = false
    await host.end('list')
    expect([await stopped, await ended, host.did]).toEqual([null, false, []])
  })
})

describe('a destroy', () => {
  test('is preceded by a pause that the worker can see, and the daemon learns of its end', async () => {
    const { stopped, ended } = host.destroy()
    expect([await stopped, await ended]).toEqual([{ ours: true, gone: true }, true])
    await settled()
    expect(host.did.slice(0, 3)).toEqual(['mark under-way', 'pause', 'destroy'])
    expect(new Set(host.did.slice(3))).toEqual(new Set(['mark done', 'mark destroyed']))
  })
  test('that fails after the pause: the worker is told of the pause, the daemon of nothing, the log of the failure', async () => {
    host.slow = ['destroy']
    const { stopped, ended } = host.destroy()
    await settled()
    await host.timePasses()
    expect(await stopped).toEqual({ ours: true, gone: false })
    await host.end('destroy', new Error('xl destroy 7: killed'))
    expect(await ended).toBe(false)
    expect(new Set(host.did)).toEqual(new Set(['mark under-way', 'pause', 'destroy', 'mark done']))
    expect(host.log.lines.join()).toContain('killed')
  })
  test('that ends after it was seen to stand: the daemon learns of it all the same', async () => {
    host.slow = ['destroy']
    const { stopped, ended } = host.destroy()
    await settled()
    await host.timePasses()
    expect(await stopped).toEqual({ ours: true, gone: false })
    expect(host.did).not.toContain('mark destroyed')
    await host.end('destroy')
    expect(await ended).toBe(true)
    expect(host.did).toContain('mark destroyed')
  })
  test('whose call was given up, of a domain that is gone then: it was ours', async () => {
    host.slow = ['destroy']
    const { stopped, ended } = host.destroy()
    await settled()
    host.state = 'gone'
    await host.end('destroy', new Error('xl destroy 7: killed'))
    expect([await stopped, await ended]).toEqual([{ ours: true, gone: true }, true])
    expect(host.did).toContain('mark destroyed')
  })
})

test('two pauses of one lease: done when the last of them is', async () => {
  host.slow = ['pause']
  const first = host.pause()
  await settled()
  const second = host.pause('8')
  await settled()
  expect(host.did).toEqual(['mark under-way', 'pause', 'mark under-way', 'pause'])
  await host.end('pause')
  expect(await first).toEqual({ ours: true, gone: false })
  expect(host.did).not.toContain('mark done')
  await host.end('pause')
  await second
  expect(host.did.at(-1)).toBe('mark done')
})
