import { hostUuid } from '../../../lib/core/domain/ids'
import { type HeartbeatEffect, HeartbeatWatch } from '../../../lib/core/membership/heartbeat'
import { Dice } from '../../world/prng'

const PEERS = [1, 2].map((nth) => hostUuid(`aaaaaaaa-0000-4000-8000-00000000000${nth}`))
const LINKS = ['m', 'a']
const SUSPECT_AFTER_MS = 600

/** Milliseconds in which this process ran between two moments: gaps above 150 ms do not count. */
function awakeMs(moments: readonly number[], fromMs: number): number {
  const later = moments.filter((moment) => moment >= fromMs)
  return later.slice(1).reduce((sum, moment, index) => {
    const gap = moment - (later[index] ?? moment)
    return sum + (gap > 150 ? 0 : gap)
  }, 0)
}

function run(seed: number): Map<string, number> {
  const dice = new Dice(seed)
  const watch = new HeartbeatWatch(SUSPECT_AFTER_MS)
  watch.apply({ type: 'peers', peers: PEERS.map((host) => ({ host, links: LINKS })), atMs: 0 })
  const moments = [0]
  const lastHeard = new Map<string, { atMs: number; incarnation: number; counter: number }>()
  const state = new Map<string, string>(PEERS.map((peer) => [peer, 'unknown']))
  const sender = new Map(PEERS.map((peer) => [peer, { incarnation: 1, counter: 0, up: true, cut: new Set<string>() }]))
  const told = new Map<string, number>()
  const note = (effects: HeartbeatEffect[]) => {
    for (const effect of effects) {
      told.set(effect.type, (told.get(effect.type) ?? 0) + 1)
      if (effect.type === 'peer-alive') state.set(effect.peer, 'alive')
      if (effect.type === 'peer-suspected') state.set(effect.peer, 'suspected')
    }
  }
  let nowMs = 0
  for (let turn = 0; turn < 1500; turn += 1) {
    nowMs += dice.chance(0.005) ? 300 + dice.below(3000) : dice.below(40)
    const peer = dice.of(PEERS)
    const from = sender.get(peer)
    if (from === undefined) throw new Error('no sender')
    if (dice.chance(0.01)) from.up = !from.up
    if (dice.chance(0.01)) from.cut = new Set(LINKS.filter(() => dice.chance(0.5)))
    if (dice.chance(0.005)) Object.assign(from, { incarnation: from.incarnation + 1, counter: 0 })
    const link = dice.of(LINKS)
    if (dice.chance(0.3)) {
      moments.push(nowMs)
      note(watch.apply({ type: 'tick', atMs: nowMs }))
      for (const each of PEERS) {
        const silent = LINKS.every((name) => awakeMs(moments, lastHeard.get(`${each} ${name}`)?.atMs ?? 0) > SUSPECT_AFTER_MS)
        const expected = silent ? 'suspected' : state.get(each) === 'unknown' ? 'unknown' : 'alive'
        expect({ seed, turn, nowMs, each, state: state.get(each) }).toEqual({ seed, turn, nowMs, each, state: expected })
      }
    } else {
      const name = `${peer} ${link}`
      const heard = lastHeard.get(name)
      if (from.up && !from.cut.has(link)) {
        from.counter += 1
        lastHeard.set(name, { atMs: nowMs, incarnation: from.incarnation, counter: from.counter })
      } else if (heard === undefined) continue
      // A link that carries nothing new may still repeat the last heartbeat.
      const { incarnation, counter } = lastHeard.get(name) ?? from
      const role = { coordinator: false, xapiUp: true }
      moments.push(nowMs)
      note(watch.apply({ type: 'received', peer, link, incarnation, counter, role, atMs: nowMs }))
    }
  }
  return told
}

test('seeds 1 to 10: suspicion is what the whole history says', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const told = run(seed)
    for (const kind of ['peer-alive', 'peer-suspected', 'peer-restarted', 'link-silent', 'link-heard', 'own-pause']) {
      expect({ seed, kind, met: (told.get(kind) ?? 0) > 1 }).toEqual({ seed, kind, met: true })
    }
  }
})
