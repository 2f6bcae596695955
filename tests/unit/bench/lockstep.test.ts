import { lockstepTables } from '../../bench/lockstep/print'
import type { LockstepFigures, LockstepMeasured } from '../../bench/lockstep/run'

const machine = {
  ...{
    cpu: 'some',
    cores: 2,
    memoryBytes: 1,
    kernel: '6',
    system: 'none',
    virtualisation: 'none',
    node: 'v20',
    qemu: '7',
    fio: '3',
  },
}

const measured = (epochMs: number | null, perSecond: number, cpuMs: number, diskMs: number | null): LockstepMeasured => ({
  ...{ epochMs, cpuMs, diskMs },
  requests: [
    {
      ...{ connections: 8, perSecond, medianMs: 1, p99Ms: 2 },
      epochs:
        epochMs === null
          ? null
          : { pauseMedianMs: 8, pauseP99Ms: 30, bytesPerEpoch: 40960, outputDelayMedianMs: 60, outputDelayP99Ms: 70 },
    },
  ],
})

const figures = (rounds: LockstepFigures['rounds']): LockstepFigures => ({
  ...{ machine, subject: 'a subject', rounds, plan: { epochs: [50], connections: [8], rounds: rounds.length, seconds: 3 } },
  failover: { epochMs: 50, detectionMs: null, resumeMs: 41, gapMs: 300, count: 99, isInOrder: true },
})

test('each round is compared with itself, and of the rounds the middle is told', () => {
  const text = lockstepTables(
    figures([
      [measured(null, 1000, 1000, 500), measured(50, 100, 1200, 1000)],
      [measured(null, 4000, 2000, 500), measured(50, 200, 2600, 1000)],
      [measured(null, 2000, 1000, 500), measured(50, 500, 1100, 1000)],
    ]),
  )
  expect(text).toContain('| 8 | unprotected | 2000 | 1.00 | 1.0 | 2.0 |  |  |  |  |  |  |')
  expect(text).toContain('| 8 | 50 ms | 200 | 0.10 | 1.0 | 2.0 | 8.0 | 30.0 | 10.0 | 41.0 | 60.0 | 70.0 |')
  expect(text).toContain('| unprotected | 1000 | 0 % | 500 | 0 % |')
  expect(text).toContain('| 50 ms | 1200 | 20 % | 1000 | 100 % |')
  expect(text).toContain('detection not measured, resume 41 ms, longest wait of a client 300 ms; 99 counted')
  expect(text).toContain('each once and in order')
})

test('a guest without a disk has no figures of one', () => {
  const text = lockstepTables(figures([[measured(null, 1000, 1000, null), measured(50, 100, 1200, null)]]))
  expect(text).toContain('| 50 ms | 1200 | 20 % |  |  |')
})
