import { Dice } from '../../world/prng'
import { PEER, Stage } from './health-stage'

test('seeds 1 to 60: whatever comes, a host is suspected only between a suspicion and its end, and each change is told once', () => {
  const met = new Map<string, number>()
  for (let seed = 1; seed <= 60; seed += 1) {
    const dice = new Dice(seed)
    const stage = new Stage()
    let suspected = false
    let before = 'unknown '
    for (let turn = 0; turn < 300; turn += 1) {
      const first = stage.told.length
      if (dice.chance(0.05)) {
        suspected = !suspected
        stage.event(suspected ? 'peer-suspected' : 'peer-alive')
      }
      if (dice.chance(0.02)) stage.event('leases-over')
      if (dice.chance(0.02)) stage.hearsUsOn = dice.below(8)
      if (dice.chance(0.02)) stage.worstLagMs = dice.below(400)
      if (dice.chance(0.02)) Object.assign(stage, { incarnation: 1 + dice.below(4), counter: dice.below(500) })
      if (dice.chance(0.02)) stage.clockMs = dice.below(1e9)
      if (dice.chance(0.02)) stage.nowMs += dice.below(3000)
      if (dice.chance(0.05))
        stage.told.push(
          ...stage.machine.apply({
            on: 'said',
            peer: PEER,
            by: `w${dice.below(200)}`,
            heard: dice.chance(0.5),
            atMs: stage.nowMs,
          }),
        )
      stage.step(() => dice.chance(turn % 100 < 50 ? 0.5 : 0))
      const [report] = stage.machine.report()
      expect({ seed, turn, isSuspected: report?.verdict === 'suspected' }).toEqual({ seed, turn, isSuspected: suspected })
      for (const { host, verdict, findings, before: was } of stage.told.slice(first)) {
        if (host !== PEER) continue
        const now = `${verdict} ${findings
          .map((finding) => JSON.stringify([finding.kind, 'link' in finding && finding.link]))
          .sort()
          .join()}`
        expect({ seed, turn, was, changed: now !== before }).toEqual({ seed, turn, was: before.split(' ')[0], changed: true })
        before = now
        for (const { kind } of findings) met.set(kind, (met.get(kind) ?? 0) + 1)
      }
    }
  }
  const kinds = ['lossy', 'late', 'slow', 'hears-us-not', 'not-heard', 'was-cut-off', 'was-stopped', 'was-restarted']
  for (const kind of [...kinds, 'cut-off-from-here', 'silent-everywhere', 'dead-or-stopped', 'silent-here'])
    expect({ kind, met: (met.get(kind) ?? 0) > 0 }).toEqual({ kind, met: true })
})
